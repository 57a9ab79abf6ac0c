"""How much a run of prune-export computes: its windows, counted before any of them is looked at by the model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity import cases
from prune.cost import multiply_adds
from prune.families.encoder import Encoder
from prune.loaded_model import LoadedModel
from prune.plan import Plan
from prune.search.by_agreement import LARGEST_PERCENT
from prune.shape import LayerShape, ModelShape
from prune.tasks.question_answering.builtin import builtin_questions, halves, search_questions
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.windows import BATCH_SIZE, Window
from prune.train.order import epoch_order
from trellis.cli.prune_export.data import Data
from trellis.cli.prune_export.gating import penalties_of
from trellis.cli.prune_export.preflight import stays_as_it_is, training_settings
from trellis.cli.prune_export.request import Request

Shapes = tuple[ModelShape, ModelShape]
"""The smallest and the largest that a model may come out as."""

SCORED_AT_ONCE = 8
"""Windows that gain is computed of at once."""

SAMPLED = 1000
"""Questions of a larger set that tell how many windows the others make, and how long they are."""

FORWARD, FROZEN, TRAINED = 1, 2, 3
"""A window's cost in forward passes: alone; with the way back to the gates; and to the weights too."""


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


@dataclass(frozen=True)
class Work:
    """What is to be computed, at least and at most where the models' answers decide."""

    what: str
    forward: tuple[int, int]
    """Windows that pass forward alone."""
    backward: tuple[int, int]
    """Windows that pass forward and back."""
    multiply_adds: tuple[float, float]
    """Of all these passes."""


def total_shape(num_heads: int, intermediate_size: int, shape: ModelShape) -> ModelShape:
    """A shape with these totals. Costs are sums over units, so that it does not matter which layer has them."""
    others = (LayerShape(0, 0),) * (len(shape.layers) - 1)
    return ModelShape((LayerShape(num_heads, intermediate_size), *others))


def without(shape: ModelShape, fraction: float) -> ModelShape:
    """`shape` less a fraction of its heads and as many of its activations; see `total_shape`."""
    kept = [n - round(fraction * n) for n in (shape.num_heads, shape.intermediate_size)]
    return total_shape(kept[0], kept[1], shape)


def workload(
    request: Request,
    subject: LoadedModel,
    teacher: LoadedModel | None,
    data: Data,
    wanted: Plan | ModelShape | None,
    after: ModelShape | None,
) -> list[Work]:
    """Everything in order; `after` is the shape that the model will have, None where that is not known.

    Left out are the sets whose questions nobody has counted, what --max-f1-loss may ask again, and engines.
    """
    counted = _Counted(request, subject, teacher, data, wanted, after)
    return list(counted.all())


@dataclass(frozen=True)
class _Counted:
    request: Request
    subject: LoadedModel
    teacher: LoadedModel | None
    data: Data
    wanted: Plan | ModelShape | None
    after: ModelShape | None

    def all(self) -> Iterator[Work]:
        unchanged = stays_as_it_is(self.request, self.subject.source)
        if not unchanged:
            yield from self._choosing()
        if self.request.training.is_wanted and (train := self._training_lot()):
            yield self._training(train)
        if (dev := self.data.dev) and dev.num_questions:
            lot = self._lot(self._questions_of(dev))
            yield self._work("answering as it came", lot, self._whole, FORWARD)
            if not unchanged or self.request.training.is_wanted:
                yield self._work("answering as it became", lot, self._after, FORWARD)
            if self.request.output.precision != "fp32":
                yield self._work("answering as it is served", lot, self._after, FORWARD)
        elif self.request.output.precision != "fp32" and not dev:
            yield self._work("agreeing", self._lot(search_questions(self.request.seed)), self._after, FORWARD)
        yield self._checking()

    @property
    def _encoder(self) -> Encoder:
        return self.subject.source.encoder

    @property
    def _whole(self) -> Shapes:
        return self.subject.source.shape, self.subject.source.shape

    @property
    def _after(self) -> Shapes:
        shape = self.subject.source.shape
        if self.after:
            return self.after, self.after
        if self.request.amount_given:  # λ: only training can say
            return total_shape(0, 0, shape), shape
        return without(shape, LARGEST_PERCENT / 100), shape

    def _choosing(self) -> Iterator[Work]:
        request, train = self.request, self.data.train
        if isinstance(self.wanted, Plan):
            return
        scored = False
        if request.method == "l0":
            scored = True
            if lot := self._training_lot():
                yield from self._gates(lot.share(request.l0.gate_share))
        elif request.method == "gain" and train:
            scored = True
            if train.num_questions:
                number = min(request.gain.train_questions or train.num_questions, train.num_questions)
                drawn = self._lot(self._questions_of(train)).share(number / train.num_questions)
                yield self._work("scoring", drawn, self._whole, FROZEN, at_once=SCORED_AT_ONCE)
        if not request.amount_given:
            yield from self._search(scored)
        elif request.method == "gain" and not scored:
            lot = self._lot(builtin_questions())
            yield self._work("asking the model", lot, self._whole, FORWARD)
            yield self._work("scoring", lot, self._whole, FROZEN, at_once=SCORED_AT_ONCE)

    def _gates(self, lot: Lot) -> Iterator[Work]:
        settings = self.request.l0.settings(self.request.settings, self.request.seed)
        wanted = self.wanted if isinstance(self.wanted, ModelShape) else None
        kinds = penalties_of(self.request, self.subject.source.shape, wanted)
        runs = min(len(kinds), 1) if self.request.l0.joint else len(kinds)
        steps_per_epoch = -(-lot.count // settings.batch_size)
        epochs, steps = divmod(settings.steps(lot.count), steps_per_epoch)
        windows = runs * (epochs * lot.count + min(steps * settings.batch_size, lot.count))
        passes = FROZEN + FORWARD * settings.distill
        adds = self._epochs(lot, settings.batch_size, windows, self._whole, passes)
        extra = windows if settings.distill else 0
        yield Work("training gates", (extra, extra), (windows, windows), adds)

    def _search(self, scored: bool) -> Iterator[Work]:
        questions = self.data.calibration or search_questions(self.request.seed)
        yield self._work("asking the model", self._lot(questions), self._whole, FORWARD)
        scoring, checking = ([], questions) if scored else halves(questions, self.request.seed)
        if scoring and self.request.method == "gain":
            lot = self._lot(scoring)
            yield self._work("scoring", lot, self._whole, FROZEN, at_once=SCORED_AT_ONCE)
        lot, shape = self._lot(checking), self.subject.source.shape

        @cache
        def trials(passes: int, fails: int) -> tuple[int, int, float, float]:
            """(fewest, most) trials still to come, and (least, most) multiply-adds."""
            if fails - passes <= 1:
                return 0, 0, 0.0, 0.0
            percent = (passes + fails) // 2
            cost = self._sorted(lot, without(shape, percent / 100), BATCH_SIZE)
            ways = trials(percent, fails), trials(passes, percent)
            few, many = min(way[0] for way in ways), max(way[1] for way in ways)
            low, high = min(way[2] for way in ways), max(way[3] for way in ways)
            return few + 1, many + 1, low + cost, high + cost

        few, many, low, high = trials(0, LARGEST_PERCENT + 1)
        yield Work("trying cuts", (few * lot.count, many * lot.count), (0, 0), (low, high))

    def _training(self, lot: Lot) -> Work:
        settings = self.request.settings
        epochs = self.request.training.epochs or 0.0
        kept, held_out = lot.share(1 - settings.held_out), lot.share(settings.held_out)
        steps_per_epoch = max(1, -(-kept.count // settings.batch_size))
        steps = max(1, round(epochs * steps_per_epoch))
        every = max(1, round((settings.evaluate_every or 1) * steps_per_epoch))
        looks = -(-steps // every)  # the last step is looked at as well
        windows, looked_at = steps * settings.batch_size, looks * held_out.count
        models = [(TRAINED, self._after, self._encoder)]
        if self.teacher:
            theirs = self.teacher.source
            models.append((FORWARD, (theirs.shape, theirs.shape), theirs.encoder))
        low = high = 0.0
        for passes, shapes, encoder in models:
            steps_cost = self._epochs(kept, settings.batch_size, windows, shapes, passes, encoder)
            low += steps_cost[0] + looks * self._sorted(held_out, shapes[0], BATCH_SIZE, encoder)
            high += steps_cost[1] + looks * self._sorted(held_out, shapes[1], BATCH_SIZE, encoder)
        forward = len(models) * looked_at + (len(models) - 1) * windows
        return Work("training", (forward, forward), (windows, windows), (low, high))

    def _checking(self) -> Work:
        sizes = [case.inputs["input_ids"].shape for case in cases(self._encoder)]
        rows = sum(rows for rows, _ in sizes)
        low, high = (
            2 * sum(multiply_adds(self._encoder, shape, batch=rows, seq=seq) for rows, seq in sizes)
            for shape in self._after
        )
        return Work("checking the graph", (rows, rows), (0, 0), (low, high))

    def _work(self, what: str, lot: Lot, shapes: Shapes, passes: int, *, at_once: int = BATCH_SIZE) -> Work:
        low, high = (passes * self._sorted(lot, shape, at_once) for shape in shapes)
        none, windows = (0, 0), (lot.count, lot.count)
        forward, backward = (windows, none) if passes == FORWARD else (none, windows)
        return Work(what, forward, backward, (low, high))

    def _sorted(self, lot: Lot, shape: ModelShape, at_once: int, encoder: Encoder | None = None) -> float:
        """Multiply-adds of one forward pass over all, in batches of like lengths."""
        return lot.scale * self._batches(np.sort(lot.lengths)[::-1], shape, at_once, encoder)

    def _epochs(
        self,
        lot: Lot,
        at_once: int,
        windows: int,
        shapes: Shapes,
        passes: int,
        encoder: Encoder | None = None,
    ) -> tuple[float, float]:
        """(least, most) multiply-adds of `windows` windows in batches as training makes them."""
        order = epoch_order(lot.lengths, at_once, seed=self.request.seed, epoch=0)
        filled = -(-len(order) // at_once) * at_once
        low, high = (
            passes
            * windows
            / filled
            * self._batches(np.resize(lot.lengths[order], filled), shape, at_once, encoder)
            for shape in shapes
        )
        return low, high

    def _batches(
        self, lengths: NDArray[np.int64], shape: ModelShape, at_once: int, encoder: Encoder | None
    ) -> float:
        chunks = [lengths[begin : begin + at_once] for begin in range(0, len(lengths), at_once)]
        return float(
            sum(
                multiply_adds(encoder or self._encoder, shape, batch=len(chunk), seq=int(chunk.max()))
                for chunk in chunks
            )
        )

    def _training_lot(self) -> Lot | None:
        """The windows to train on; None where nobody has counted the questions."""
        train = self.data.train
        if not train or not train.num_questions:
            return None
        settings = training_settings(self.request, self.subject)
        sample = train.sample(SAMPLED, self.request.seed, self.subject.tokenizer, settings)
        return _lot_of(sample, train.num_questions)

    def _lot(self, questions: Sequence[Question]) -> Lot:
        step = -(-len(questions) // SAMPLED)
        chosen = questions[::step]
        windows = self.subject.windows(chosen)
        return Lot(_lengths(windows), len(questions) / len(chosen))

    @staticmethod
    def _questions_of(known: Any) -> Sequence[Question]:
        """Those of a task that has counted them has read them."""
        questions: Sequence[Question] = known.questions
        return questions


def _lot_of(sample: Sequence[Window], questions: int) -> Lot:
    return Lot(_lengths(sample), questions / min(SAMPLED, questions))


def _lengths(windows: Sequence[Window]) -> NDArray[np.int64]:
    return np.array([len(window.input_ids) for window in windows], np.int64)
