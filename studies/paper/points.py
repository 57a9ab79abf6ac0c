"""Figs. 2 and 3 in numbers: the operating points, what they score, what they cost, what remains by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prune.cost import multiply_adds, parameters
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from studies.paper.cells import WHOLE, YARDSTICK
from studies.paper.names import LONGER, TRAININGS, Training, is_whole, is_yardstick, multiples, training_of
from studies.paper.scores import Estimate, Score, difference
from studies.paper.speed import Speed
from studies.paper.study_result import MEASURES, StudyResult

SEQ = 384
"""Tokens of the one sequence whose multiply-adds are counted."""

AS_IT_CAME = "as it came"
"""Stands among the models for the one that was cut: the study began with it, or taught it the task first."""

Role = Literal["whole", "pruned", "yardstick"]


@dataclass(frozen=True)
class Cost:
    """What a shape costs, by arithmetic alone."""

    parameters: int
    multiply_adds: int
    """Of one sequence of SEQ tokens."""
    multiply_adds_fewer: float
    """How many times fewer than the whole model's."""


@dataclass(frozen=True)
class SpeedFigures:
    """How many times faster than the whole model, measured, with its 95 % interval."""

    batch: int
    seq: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class ModelNumbers:
    """One model, its scores by measure in percent."""

    name: str
    role: Role
    multiples: tuple[int, int] | None
    training: Training
    """What came after the cut; of the whole model: none as it came, retrain for as long as all others."""
    removed: tuple[float, float] | None
    """Percentages (of heads, of feed-forward activations); None where layers were left out."""
    scores: dict[str, float]
    against_whole: dict[str, Estimate]
    """Points more than the unpruned model that was trained as long; empty without it, and for itself."""
    against_yardstick: dict[str, Estimate]
    """Points more than the smaller model that went on the same way; of pruned models alone."""
    against_retrained: dict[str, Estimate]
    """Points more than the same cut trained as long on the annotated answers alone; of distilled models alone."""
    cost: Cost | None
    """None where no cell and no speed says how large the encoder is."""
    speeds: tuple[SpeedFigures, ...]


@dataclass(frozen=True)
class LayerNumbers:
    """What remains of one cut, by layer from the embeddings on, in percent."""

    name: str
    multiples: tuple[int, int] | None
    heads: tuple[float, ...]
    ffn: tuple[float, ...]


def model_numbers(cells: Mapping[str, StudyResult], speeds: Sequence[Speed]) -> tuple[ModelNumbers, ...]:
    """The whole model, then the cuts from the mildest to the hardest, then the yardstick.

    Raises InputError where cells were not asked the same questions.
    """
    points = {name: cell for name, cell in cells.items() if cell.part == "point"}
    context = _Context(points, speeds)
    found = []
    if whole := points.get(WHOLE):
        came = whole.after if LONGER in points else whole.before
        found.append(context.numbers(AS_IT_CAME, "none", whole, came))
    for name in sorted(points.keys() - ({WHOLE} if LONGER in points else set()), key=_order):
        training = "retrain" if is_whole(name) else training_of(name)[1]
        found.append(context.numbers(name, training, points[name], points[name].after))
    return tuple(found)


def layer_numbers(cells: Mapping[str, StudyResult]) -> tuple[LayerNumbers, ...]:
    """What remains of each cut, from the mildest to the hardest; training moves no layer, so each stands once."""
    found: dict[str, LayerNumbers] = {}
    for name in sorted(cells, key=_order):
        base, _ = training_of(name)
        cell = cells[name]
        if cell.part == "point" and _role(name) == "pruned" and base not in found:
            pairs = list(zip(cell.shape.layers, cell.original_shape.layers, strict=True))
            heads = tuple(_percent(cut.num_heads, whole.num_heads) for cut, whole in pairs)
            ffn = tuple(_percent(cut.intermediate_size, whole.intermediate_size) for cut, whole in pairs)
            found[base] = LayerNumbers(base, multiples(base), heads, ffn)
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class _Context:
    """What one model's numbers are held against."""

    points: Mapping[str, StudyResult]
    speeds: Sequence[Speed]

    def numbers(
        self, name: str, training: Training, cell: StudyResult, scores: Mapping[str, Score]
    ) -> ModelNumbers:
        role, (base, _) = _role(name), training_of(name)
        baseline = self.points.get(LONGER) or self.points.get(WHOLE)
        rival = self.points.get(f"{YARDSTICK}-{training}") if role == "pruned" else None
        retrained = self.points.get(f"{base}-retrain") if training == "distill" else None
        return ModelNumbers(
            name=name,
            role=role,
            multiples=multiples(base),
            training=training,
            removed=None if role == "yardstick" else cell.removed,
            scores={measure: round(scores[measure].value, 4) for measure in MEASURES if measure in scores},
            against_whole=_against(
                scores, {} if baseline is None or name == baseline.name else baseline.after
            ),
            against_yardstick=_against(scores, rival.after if rival else {}),
            against_retrained=_against(scores, retrained.after if retrained else {}),
            cost=self._cost(cell.shape),
            speeds=tuple(
                SpeedFigures(speed.batch, speed.seq, speed.estimate, speed.low, speed.high)
                for speed in self.speeds
                if speed.name == base
            ),
        )

    def _cost(self, shape: ModelShape) -> Cost | None:
        encoder, whole = self._encoder(), self._whole_shape()
        if encoder is None or whole is None:
            return None
        ours, theirs = (multiply_adds(encoder, each, batch=1, seq=SEQ) for each in (shape, whole))
        return Cost(parameters(encoder, shape), ours, round(theirs / ours, 4))

    def _encoder(self) -> Encoder | None:
        """That of any cell or speed: cutting leaves the encoder's own sizes as they are."""
        said = [cell.encoder for cell in self.points.values()] + [speed.encoder for speed in self.speeds]
        return next(filter(None, said), None)

    def _whole_shape(self) -> ModelShape | None:
        return next(
            (cell.original_shape for name, cell in self.points.items() if not is_yardstick(name)), None
        )


def _against(scores: Mapping[str, Score], others: Mapping[str, Score]) -> dict[str, Estimate]:
    return {
        measure: difference(scores[measure], others[measure])
        for measure in MEASURES
        if measure in scores and measure in others
    }


def _order(name: str) -> tuple[int, tuple[int, int], str, int]:
    """Whole, cuts by how much goes, yardstick; in each: no training, retrained, distilled."""
    base, training = training_of(name)
    rank = {"whole": 0, "pruned": 1, "yardstick": 2}[_role(name)]
    return rank, multiples(base) or (0, 0), "" if rank == 0 else base, TRAININGS.index(training)


def _role(name: str) -> Role:
    if is_yardstick(name):
        return "yardstick"
    return "whole" if is_whole(name) or name == AS_IT_CAME else "pruned"


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 4)
