"""Limits that the user set, held against what was found."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from bench.json_field import Field
from bench.result.comparison import Comparison
from bench.workload import Tested
from trellis.html.format import times

MIN_SPEEDUP, MAX_F1_LOSS, MAX_HAS_ANSWER_F1_LOSS = "min-speedup", "max-f1-loss", "max-has-answer-f1-loss"
"""Names of the limits."""


@dataclass(frozen=True)
class Limit:
    """A limit that the user set, and what was found."""

    name: str
    limit: float
    found: float
    met: bool
    where: str
    tested: Tested

    @property
    def found_in_words(self) -> str:
        """What was found, in the limit's unit."""
        return times(self.found) if self.name == MIN_SPEEDUP else f"{self.found:.2f} points"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_field(cls, field: Field) -> "Limit":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        return cls(
            field["name"].text(),
            field["limit"].number(),
            field["found"].number(),
            field["met"].flag(),
            field["where"].text(),
            field["tested"].one_of(get_args(Tested)),
        )


def check_limits(
    comparisons: Sequence[Comparison],
    min_speedup: float | None,
    max_f1_loss: float | None,
    tested: Tested = "estimate",
    max_has_answer_f1_loss: float | None = None,
) -> list[Limit]:
    """Hold what was found against the limits that were set: the speed-up at every point, the F1 lost as served.

    `tested` says whether the estimates must keep within the limits or the ends of their intervals. What arranging
    its work brings a model is held against none.
    """
    found: list[Limit] = []
    for comparison in comparisons:
        if comparison.of_itself:
            continue
        if min_speedup is not None:
            found += _of_speed(comparison, min_speedup, tested)
        losses = {MAX_F1_LOSS: max_f1_loss, MAX_HAS_ANSWER_F1_LOSS: max_has_answer_f1_loss}
        found += _of_accuracy(comparison, losses, tested)
    return found


def _of_speed(comparison: Comparison, limit: float, tested: Tested) -> Iterator[Limit]:
    for point in comparison.points:
        found = point.speedup.low if tested == "bound" else point.speedup.estimate
        where = f"{comparison.models['candidate'].name}, {point.where}"
        yield Limit(MIN_SPEEDUP, limit, found, found >= limit, where, tested)


def _of_accuracy(comparison: Comparison, limits: dict[str, float | None], tested: Tested) -> Iterator[Limit]:
    accuracy = comparison.accuracy
    if accuracy is None:
        return
    changes = {MAX_F1_LOSS: accuracy.limited, MAX_HAS_ANSWER_F1_LOSS: accuracy.has_answer_limited}
    for name, limit in limits.items():
        if limit is not None and changes[name]:
            found = max(-(each.low if tested == "bound" else each.mean_difference) for each in changes[name])
            where = comparison.models["candidate"].name
            yield Limit(name, limit, found, found <= limit, where, tested)
