"""What passes through a model: windows, counted before any of them is looked at by it, and their multiply-adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prune.cost import multiply_adds
from prune.families.encoder import Encoder
from prune.shape import LayerShape, ModelShape
from prune.tasks.question_answering.windows import BATCH_SIZE, Window
from prune.train.order import epoch_order

if TYPE_CHECKING:
    from prune.loaded_model import LoadedModel
    from prune.tasks.question_answering.questions import Question
    from prune.tasks.question_answering.reading import TrainingData
    from prune.tasks.question_answering.settings import DecodingSettings

Shapes = tuple[ModelShape, ModelShape]
"""The smallest and the largest that a model may come out as."""

FORWARD, FROZEN, TRAINED = 1, 2, 3
"""A window's cost in forward passes: alone; with the way back to the gates; and to the weights too."""

SAMPLED = 1000
"""Questions of a larger set that tell how many windows the others make, and how long they are."""


@dataclass(frozen=True)
class Lot:
    """The windows of a set of questions."""

    lengths: NDArray[np.int64]
    """Tokens of those that were looked at, [windows]."""
    scale: float = 1.0
    """How many times as many there are in all."""

    @property
    def count(self) -> int:
        """All of them."""
        return round(self.scale * len(self.lengths))

    def share(self, share: float) -> "Lot":
        """So many of them, of the same lengths."""
        return Lot(self.lengths, self.scale * share)


def lot_of(subject: "LoadedModel", questions: "Sequence[Question]") -> Lot:
    """The windows that `subject` reads `questions` in; of a large set a part speaks for all."""
    step = -(-len(questions) // SAMPLED) or 1
    chosen = questions[::step]
    return Lot(_lengths(subject.windows(chosen)), len(questions) / max(len(chosen), 1))


def drawn_lot(
    train: "TrainingData", number: int, seed: int, subject: "LoadedModel", reading: "DecodingSettings"
) -> Lot | None:
    """The windows of `number` questions of `train`, drawn with `seed`; 0 is all. None where nobody has counted them."""
    if not train.num_questions:
        return None
    number = min(number or train.num_questions, train.num_questions)
    looked_at = min(number, SAMPLED)
    sample = train.sample(looked_at, seed, subject.tokenizer, reading)
    return Lot(_lengths(sample), number / looked_at)


@dataclass(frozen=True)
class Passes:
    """What is to be computed, at least and at most where the models' answers decide."""

    what: str
    forward: tuple[int, int]
    """Windows that pass forward alone."""
    backward: tuple[int, int]
    """Windows that pass forward and back."""
    multiply_adds: tuple[float, float]
    """Of all these passes."""


@dataclass(frozen=True)
class Counter:
    """Counts what models with one encoder compute."""

    encoder: Encoder
    seed: int = 0
    """Of the order in which an epoch shows its windows."""

    def passes(self, what: str, lot: Lot, shapes: Shapes, cost: int, *, at_once: int = BATCH_SIZE) -> Passes:
        """All of `lot` once, in batches of like lengths; `cost` is FORWARD, FROZEN or TRAINED."""
        low, high = (cost * self.sorted(lot, shape, at_once) for shape in shapes)
        none, windows = (0, 0), (lot.count, lot.count)
        forward, backward = (windows, none) if cost == FORWARD else (none, windows)
        return Passes(what, forward, backward, (low, high))

    def sorted(self, lot: Lot, shape: ModelShape, at_once: int = BATCH_SIZE) -> float:
        """Multiply-adds of one forward pass over all, in batches of like lengths."""
        return lot.scale * self._batches(np.sort(lot.lengths)[::-1], shape, at_once)

    def epochs(self, lot: Lot, at_once: int, windows: int, shapes: Shapes, cost: int) -> tuple[float, float]:
        """(least, most) multiply-adds of `windows` windows in batches as training makes them."""
        order = epoch_order(lot.lengths, at_once, seed=self.seed, epoch=0)
        filled = -(-len(order) // at_once) * at_once
        lengths = np.resize(lot.lengths[order], filled)
        low, high = (cost * windows / filled * self._batches(lengths, shape, at_once) for shape in shapes)
        return low, high

    def _batches(self, lengths: NDArray[np.int64], shape: ModelShape, at_once: int) -> float:
        chunks = [lengths[begin : begin + at_once] for begin in range(0, len(lengths), at_once)]
        return float(
            sum(
                multiply_adds(self.encoder, shape, batch=len(chunk), seq=int(chunk.max())) for chunk in chunks
            )
        )


def total_shape(num_heads: int, intermediate_size: int, shape: ModelShape) -> ModelShape:
    """A shape with these totals. Costs are sums over units, so that it does not matter which layer has them."""
    others = (LayerShape(0, 0),) * (len(shape.layers) - 1)
    return ModelShape((LayerShape(num_heads, intermediate_size), *others))


def without(shape: ModelShape, heads: float, intermediate: float) -> ModelShape:
    """`shape` less these fractions of its heads and of its activations; see `total_shape`."""
    return total_shape(
        shape.num_heads - round(heads * shape.num_heads),
        shape.intermediate_size - round(intermediate * shape.intermediate_size),
        shape,
    )


def _lengths(windows: Sequence[Window]) -> NDArray[np.int64]:
    return np.array([len(window.input_ids) for window in windows], np.int64)
