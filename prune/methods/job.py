"""What a method has to work with: a model that is to be cut, and what there is to decide by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prune.cost.passes import Counter, Lot, Shapes, drawn_lot, lot_of
from prune.shape import ModelShape
from prune.tasks.question_answering.questions import Question, drawn
from prune.tasks.question_answering.reading import TrainingData
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import Window
from prune.train.settings import TrainingSettings

if TYPE_CHECKING:
    from prune.loaded_model import LoadedModel


@dataclass(frozen=True)
class Job:
    """A model that is to be cut, and what there is to decide by."""

    subject: "LoadedModel"
    train: TrainingData | None = None
    """Annotated questions, where the user gave any."""
    text: Sequence[Question] = ()
    """Questions whose answers nobody needs to know: what there is to go by where there is no `train`."""
    answered: bool = False
    """Whether the answers that stand in `text` are the model's own."""
    training: TrainingSettings = field(default_factory=TrainingSettings)
    """Sizes of batches, precision and temperature, wherever something is trained."""
    reading: DecodingSettings | None = None
    """How `train` is cut into windows to train on; None: as for answering."""
    seed: int = 0
    """Of everything drawn at random."""

    @property
    def whole(self) -> ModelShape:
        """The shape of the model as it came."""
        return self.subject.source.shape

    @property
    def shapes(self) -> Shapes:
        """The same, for counting what it computes."""
        return self.whole, self.whole

    @property
    def counter(self) -> Counter:
        """Counts what it computes."""
        return Counter(self.subject.source.encoder, self.seed)

    def own_answers(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Question]:
        """`text` with what the model answers as the only answer, or none where it refuses.

        The model is asked, unless it was before. `progress` gets (windows done, windows in all).
        """
        if self.answered:
            return self.text
        return self.subject.labelled(self.text, progress=progress)

    def sample(self, number: int = 0) -> list[Window]:
        """The windows, cut as for answering, of `number` questions of `train` or else of `text`; 0 is all.

        They are drawn with the seed. Answers stand in them as far as they are known.
        """
        if self.train:
            return self.train.sample(number, self.seed, self.subject.tokenizer, self.subject.settings)
        return self.subject.windows(drawn(self.text, number, self.seed))

    def sample_lot(self, number: int = 0) -> Lot | None:
        """The windows that `sample` would give; None where nobody has counted the questions of `train`."""
        if self.train:
            return drawn_lot(self.train, number, self.seed, self.subject, self.subject.settings)
        return lot_of(self.subject, drawn(self.text, number, self.seed))

    def training_lot(self) -> Lot | None:
        """The windows of `train` to train on; None where nobody has counted its questions."""
        reading = self.reading or self.subject.settings
        return drawn_lot(self.train, 0, self.seed, self.subject, reading) if self.train else None
