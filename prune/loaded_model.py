"""A loaded model with what is needed to ask it questions: tokenizer and decoding settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from prune.checkpoint import checked_config, load_source, load_tokenizer
from prune.modes import placed
from prune.source import Source, open_source
from prune.tasks.own_answers import own_answers_of
from prune.tasks.question_answering import QUESTION_ANSWERING
from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.windows import Window, make_windows
from prune.tasks.torch_runner import torch_runner
from trellis.errors import InputError
from trellis.ranks import ranks


@dataclass(frozen=True)
class LoadedModel:
    """The model that is to be cut. Cut models of it read questions in the same way."""

    source: Source
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    settings: DecodingSettings

    def windows(self, questions: Sequence[Question]) -> list[Window]:
        """The questions as this model reads them."""
        return make_windows(
            questions,
            self.tokenizer,
            **self.settings.cutting,
        )

    def answer(
        self,
        questions: Sequence[Question],
        model: PreTrainedModel | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Prediction]:
        """What the model, or a cut model of it, answers; `progress` gets (windows done, windows in all)."""
        asked = model or self.model
        with placed(asked, ranks().device):
            return answer(
                questions, self.tokenizer, torch_runner(asked), settings=self.settings, progress=progress
            )

    def labelled(
        self,
        questions: Sequence[Question],
        model: PreTrainedModel | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Question]:
        """The same questions with what the model, or a cut model of it, answers as their labels; see `answer`."""
        asked, own = model or self.model, own_answers_of(self.source.encoder.task)
        with placed(asked, ranks().device):
            return own.labelled(questions, torch_runner(asked), self.tokenizer, self.settings, progress)


def open_model(name: str, *, revision: str | None = None) -> LoadedModel:
    """Find, check and load a model, its tokenizer, and its decoding settings or the default ones.

    Raises InputError where one of them cannot be used, where they do not fit each other, and for a model of another
    task: what asks it, and what scores its answers, is question answering's so far.
    """
    source = open_source(name, revision=revision)
    QUESTION_ANSWERING.check_same(source.encoder.task, name)
    settings = DecodingSettings()
    if (source.directory / DECODING_FILE).is_file():
        settings = DecodingSettings.read(source.directory / DECODING_FILE)
    tokenizer = load_tokenizer(source.directory, source.encoder, checked_config(source))
    return LoadedModel(source, load_source(source), tokenizer, settings.clipped(source.encoder.max_length))


def open_teacher(name: str, student: LoadedModel) -> LoadedModel:
    """A model for `student` to learn from. Raises InputError where it reads text as other tokens."""
    teacher = open_model(name)
    ours, theirs = (_vocabulary(subject.tokenizer) for subject in (student, teacher))
    if ours != theirs:
        raise InputError(
            f"The teacher {teacher.source.name} has another vocabulary than {student.source.name}: what one "
            "reads means nothing to the other; name a teacher with the same tokenizer."
        )
    return teacher


def _vocabulary(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    return dict(tokenizer.get_vocab())
