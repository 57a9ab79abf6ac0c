"""SQuAD: what to train on and what to measure on, from any source that `read_squad` reads."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import Progress, answer
from prune.tasks.question_answering.figures import Comparison
from prune.tasks.question_answering.questions import Question, drawn
from prune.tasks.question_answering.reading import Drawing, Reading
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.compare import compare, habit_of
from prune.tasks.question_answering.squad.reading import read_squad, read_trainable
from prune.tasks.question_answering.windows import Window, make_windows
from trellis.errors import InputError, Parameter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class SquadQuestions:
    """Questions with their answers."""

    questions: Sequence[Question]

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the questions, their contexts and their answers."""
        digest = hashlib.sha256()
        for question in self.questions:
            digest.update(repr(question).encode())
        return digest.hexdigest()

    @property
    def num_questions(self) -> int:
        """All of them."""
        return len(self.questions)


@dataclass(frozen=True)
class SquadTraining(SquadQuestions):
    """Questions to train on; windows of one context have one group."""

    skipped: str = ""
    """On those that cannot be trained on."""

    def windows(
        self, tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
    ) -> Iterator[tuple[int, Window]]:
        """Every window to train on, each with the number of its context."""
        groups: dict[str, int] = {}
        for window in _windows(self.questions, tokenizer, settings):
            context = self.questions[window.question].context
            yield groups.setdefault(context, len(groups)), window

    def sample(
        self, count: int, seed: int, tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
    ) -> list[Window]:
        """The windows of `count` questions drawn at random; 0 is all questions."""
        return _windows(drawn(self.questions, count, seed), tokenizer, settings)


@dataclass(frozen=True)
class SquadExam(SquadQuestions):
    """Questions to measure on."""

    def ask(
        self,
        run: Run,
        tokenizer: "PreTrainedTokenizerBase",
        settings: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Prediction]:
        """What the engine answers, in the order of the questions."""
        return answer(self.questions, tokenizer, run, settings=settings, progress=progress)

    def to_json(self, answers: list[Prediction]) -> Any:
        """The predictions as plain values; infinite odds, which JSON has not, as null."""
        return [
            asdict(prediction)
            | {"null_odds": prediction.null_odds if math.isfinite(prediction.null_odds) else None}
            for prediction in answers
        ]

    def from_json(self, data: Any) -> list[Prediction]:
        """Inverse of `to_json`."""
        return [
            Prediction(
                **entry | {"null_odds": math.inf if entry["null_odds"] is None else entry["null_odds"]}
            )
            for entry in data
        ]

    def questions_of(self, answers: list[Prediction]) -> Iterator[str]:
        """Question and context of each; the id is not what makes it one."""
        return (f"{each.question}\n{each.context}" for each in self.questions)

    def habit(self, answers: list[Prediction], null_threshold: float) -> Habit:
        """How the model that gave `answers` refuses at the threshold that it came with."""
        return habit_of(answers, null_threshold)

    def compare(
        self,
        before: list[Prediction],
        after: list[Prediction],
        habit: Habit,
        thresholds: tuple[float, float] | None = None,
    ) -> Comparison:
        """Score two models and what lies between them, see `prune.tasks.question_answering.squad.compare.compare`."""
        return compare(self.questions, before, after, habit, thresholds=thresholds)


def read_training(source: str, drawing: Drawing) -> SquadTraining:
    """All questions of `source` that can be trained on, see `read_trainable`, also for the errors."""
    return SquadTraining(*read_trainable(source, split="train"))


def read_exam(sources: Sequence[str]) -> SquadExam:
    """The questions of all `sources`, see `read_squad`, as one exam.

    Raises InputError where one cannot be read, and where a question stands in two of them.
    """
    questions: dict[str, Question] = {}
    for source in sources:
        for question in read_squad(source, split="validation"):
            if question.id in questions:
                raise InputError(
                    "The id {!r} stands in {} and in another {} before it; give each once.",
                    *(question.id, source, Parameter("dev")),
                )
            questions[question.id] = question
    return SquadExam(list(questions.values()))


SQUAD = Reading("squad", read_training, read_exam)


def _windows(
    questions: Sequence[Question], tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
) -> list[Window]:
    return make_windows(
        questions,
        tokenizer,
        **settings.cutting,
    )
