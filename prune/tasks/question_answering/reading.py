"""What a form of annotated questions must offer, to be trained and measured on; see `readings` for those there are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import Progress
from prune.tasks.question_answering.figures import Comparison
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import Window

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ReadingName = Literal["squad", "nq"]

Answers = TypeVar("Answers")


class Questions(Protocol):
    """Annotated questions, however many; read as they are needed."""

    @property
    def fingerprint(self) -> str:
        """Names the questions and their answers: other data have another one."""

    @property
    def num_questions(self) -> int | None:
        """None where they were not counted."""


class TrainingData(Questions, Protocol):
    """A training set."""

    @property
    def skipped(self) -> str:
        """On what cannot be trained on, a sentence; '' where all can."""

    def windows(
        self, tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
    ) -> Iterator[tuple[int, Window]]:
        """Every window to train on, with the number of the context or document that it is from."""

    def sample(
        self, count: int, seed: int, tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
    ) -> list[Window]:
        """The windows of `count` questions drawn at random; 0 is all questions."""


class Exam(Questions, Protocol, Generic[Answers]):
    """A development set. Answers are what an engine found, and can be written down as plain values."""

    def ask(
        self,
        run: Run,
        tokenizer: "PreTrainedTokenizerBase",
        settings: DecodingSettings,
        progress: Progress | None = None,
    ) -> Answers:
        """What the engine answers."""

    def to_json(self, answers: Answers) -> Any:
        """The answers as plain values."""

    def from_json(self, data: Any) -> Answers:
        """Inverse of `to_json`."""

    def questions_of(self, answers: Answers) -> Iterable[str]:
        """What was answered, each told by all that makes it the same question in other files."""

    def habit(self, answers: Answers, null_threshold: float) -> Habit:
        """How the model that gave `answers` refuses at the threshold that it came with."""

    def compare(
        self,
        before: Answers,
        after: Answers,
        habit: Habit,
        thresholds: tuple[float, float] | None = None,
    ) -> Comparison:
        """Score two engines and what lies between them; as served by fitted thresholds, or those given for the two."""


@dataclass(frozen=True)
class Drawing:
    """What of a training set is taken, where that is not all of it."""

    null_share: float
    """Of the windows without an answer, where most are."""
    seed: int


@dataclass(frozen=True)
class Reading:
    """One form of annotated questions."""

    name: ReadingName
    """As --task calls it."""
    read_training: Callable[[str, Drawing], TrainingData]
    """What a source holds to train on. Raises InputError where it cannot be read."""
    read_exam: Callable[[Sequence[str]], Exam[Any]]
    """What the sources hold to measure on. Raises InputError where they cannot be read."""
    kinds: tuple[str, ...] = ("",)
    """The kinds of answers that have figures of their own, as `figures.Figure.of` names them."""
