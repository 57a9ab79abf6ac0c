"""Statistics of the samples: pure arithmetic on seconds. docs/measuring.md gives the reasons.

A block is four turns, A B B A or B A A B: neighbours in time, so that a machine that slows down slows both, and
in an order that cancels a steady drift. Its log ratio is the difference of the mean log times. A launch's log
ratio is the median of its blocks (a neighbour that barges in spoils a block, not the launch). The speed-up is the
mean over launches, and its interval Student's t over launches: a launch has luck of its own (memory layout,
thread placement) that no number of blocks averages out, so only launches count as independent draws.

How many launches there are is decided once, after the first ones (the pilot), by Stein's two-stage rule: their
standard deviation says how many it takes for the interval to be as narrow as wished, and the interval is made of
that same deviation, however many there are then. Looking again and again, and stopping when the interval happens
to look narrow, would make it too narrow; this does not (Stein 1945: the pilot's deviation and the mean of all are
independent of each other).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median, stdev
from typing import Any, Literal

import numpy as np

from bench.json_field import Field

CONFIDENCE = 0.95
OUTLYING = 0.05
"""A block is named an outlier from this far on (relative), and ..."""
OUTLYING_DEVIATIONS = 5.0
"""... where it lies so many robust standard deviations off its launch's median."""

_FASTEST = 1e100
"""Of rates and ratios that a file holds: beyond it nothing more is computed from them."""

Verdict = Literal["faster", "slower", "undecided"]


@dataclass(frozen=True)
class Latency:
    """Seconds per call, over all timed calls of one engine at one operating point."""

    p50: float
    p90: float
    p95: float
    p99: float
    calls: int
    throughput: float
    """Sequences per second."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_field(cls, field: Field) -> "Latency":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        p50, p90, p95, p99 = (field[name].seconds() for name in ("p50", "p90", "p95", "p99"))
        return cls(p50, p90, p95, p99, field["calls"].whole(least=1), field["throughput"].within(0, _FASTEST))


@dataclass(frozen=True)
class Speedup:
    """How many times faster the candidate is: baseline time / candidate time, with its interval."""

    estimate: float
    low: float
    high: float
    blocks: int
    launches: int
    confidence: float = CONFIDENCE

    @property
    def verdict(self) -> Verdict:
        """What the interval says; undecided: no significant difference, at this width."""
        return verdict_of(self.low, self.high)

    @property
    def half_width(self) -> float:
        """How far the interval reaches to either side, relative to the estimate (0.02: 2 %)."""
        return math.sqrt(self.high / self.low) - 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def from_field(cls, field: Field) -> "Speedup":
        """Inverse of `to_dict`; raises InputError where `field` is damaged, or no interval holds its estimate."""
        low, estimate, high = (
            field[name].within(1 / _FASTEST, _FASTEST) for name in ("low", "estimate", "high")
        )
        if not low <= estimate <= high:
            raise field["estimate"].wrong(f"a number within its interval, {low:g} to {high:g}")
        return cls(
            estimate,
            low,
            high,
            field["blocks"].whole(least=1),
            field["launches"].whole(least=1),
            field["confidence"].within(0, 1),
        )


def verdict_of(low: float, high: float) -> Verdict:
    """What an interval of a ratio of speeds says."""
    if low > 1:
        return "faster"
    return "slower" if high < 1 else "undecided"


def latency(seconds: Sequence[float], sequences: int, throughput: float | None = None) -> Latency:
    """Percentiles (linear between neighbouring samples) of `seconds`, at least one sample.

    `sequences` in a call; throughput is that over p50, unless it was measured as such.
    """
    p50, p90, p95, p99 = (float(value) for value in np.percentile(seconds, (50, 90, 95, 99)))
    return Latency(p50, p90, p95, p99, len(seconds), throughput or sequences / p50)


def speedup(launches: Sequence[Sequence[float]], pilot: int | None = None) -> Speedup:
    """The paired speed-up from `launches`: for each, one log ratio baseline / candidate per block.

    `pilot`: how many launches had been made when it was decided how many to make; None: all of them, their
    number was fixed. At least two, each of at least one block.
    """
    medians = [median(blocks) for blocks in launches]
    first = medians[: pilot or len(medians)]
    centre = fmean(medians)
    margin = student_t(CONFIDENCE, len(first) - 1) * stdev(first) / math.sqrt(len(medians))
    return Speedup(
        estimate=math.exp(centre),
        low=math.exp(centre - margin),
        high=math.exp(centre + margin),
        blocks=sum(map(len, launches)),
        launches=len(launches),
    )


def launches_needed(launches: Sequence[Sequence[float]], goal: float) -> int:
    """How many launches make the interval reach `goal` (0.02: 2 %) to either side, judged by a pilot.

    `launches` as in `speedup`; the answer is never under their number.
    """
    deviation = stdev(median(blocks) for blocks in launches)
    wanted = student_t(CONFIDENCE, len(launches) - 1) * deviation / math.log1p(goal)
    return max(len(launches), math.ceil(wanted**2))


def outliers(launches: Sequence[Sequence[float]]) -> Iterator[tuple[int, int, float]]:
    """Blocks that lie far off their launch's median: (launch, block, times as large a ratio).

    The spread is that of all blocks around their launches' medians, as a median too, so that outliers do not
    hide each other.
    """
    off = [[value - median(blocks) for value in blocks] for blocks in launches]
    spread = 1.4826 * median(abs(value) for each in off for value in each)
    for launch, each in enumerate(off):
        for block, value in enumerate(each):
            if abs(value) > max(math.log1p(OUTLYING), OUTLYING_DEVIATIONS * spread):
                yield launch, block, math.exp(value)


def student_t(confidence: float, degrees: int) -> float:
    """The t with P(|T| <= t) = `confidence` for Student's distribution with `degrees` of freedom."""
    low, high = 0.0, 1.0
    while _within(high, degrees) < confidence:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if _within(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, degrees: int) -> float:
    """P(|T| <= t): the finite series for whole degrees of freedom (Abramowitz and Stegun 26.7.3, 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine_squared = math.cos(angle) ** 2
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= cosine_squared * k / (k + 1)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
