"""What became of a model: the smaller one, how it was chosen, and what was seen on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prune.data import LoadedData
from prune.search.extent import Choice
from prune.source import PROVENANCE_FILE
from prune.tasks.question_answering.figures import Comparison, warnings
from prune.tasks.question_answering.fitted_on import sample_of
from prune.tasks.question_answering.reading import Exam
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from prune.loaded_model import LoadedModel


@dataclass(frozen=True)
class Measured:
    """What the model answered in PyTorch, in fp32, and how that compares with the model as it came."""

    exam: Exam[Any]
    answers: Any
    accuracy: Comparison
    habit: Habit
    """Of the model as it came."""

    def calibrated(self, settings: DecodingSettings, accuracy: Comparison) -> DecodingSettings:
        """With the threshold for "no answer" that `accuracy` fitted to the model after, if its questions told one."""
        if accuracy.null_threshold is None:
            return settings
        fitted_on = sample_of(self.exam.questions_of(self.answers))
        return replace(settings, null_threshold=accuracy.null_threshold, fitted_on=fitted_on)


@dataclass(frozen=True, eq=False)
class Pruned:
    """A model as it became, with all that is known of it."""

    subject: "LoadedModel"
    """The model as it came, with its tokenizer."""
    model: "PreTrainedModel"
    """The model as it became; the same one where nothing was cut and nothing trained."""
    choice: Choice
    """What stays, and how that was found."""
    settings: DecodingSettings
    """How its answers are read from its logits, with the threshold for "no answer" that `dev` told, if it was given."""
    provenance: Mapping[str, Any]
    """Where it comes from, as plain values."""
    data: LoadedData
    measured: Measured | None
    """None without `dev`."""
    training: dict[str, Any] | None
    """What was seen while training went on after the cut, as plain values; None where it did not."""
    seed: int

    @property
    def accuracy(self) -> Comparison | None:
        """Of the model before and after; None without `dev`."""
        return self.measured.accuracy if self.measured else None

    def warnings(self) -> list[str]:
        """What voids the result, or most of it: to be said above everything else."""
        return [*self.choice.warnings, *(warnings(self.accuracy) if self.accuracy else ())]

    def save(self, directory: str | Path) -> None:
        """Write a model directory: weights, config, tokenizer, decoding settings, provenance.

        Raises InputError where it cannot be written, or something is there already.
        """
        from prune.checkpoint import save

        beside = {DECODING_FILE: self.settings.to_dict(), PROVENANCE_FILE: dict(self.provenance)}
        save(self.model, self.subject.tokenizer, Path(directory), beside=beside)
