"""Statistics of the samples: pure arithmetic on seconds.

The speed-up is paired. A round's two turns are neighbours in time, so a machine that slows down or speeds up
slows both: their ratio stays, where absolute times drift by a factor of two within minutes. The log ratios of
one launch are summed up by their median (a neighbour that barges in spoils a round, not the launch); the
launches' medians by their mean. The interval is Student's t over the launches: a launch has luck of its own
(memory layout, thread placement) that no number of rounds averages out, and rounds within a launch are not
independent, so only launches count as independent draws. On simulated samples with launch luck,
autocorrelated noise, outliers and drift it covers the true ratio in 94 to 97 % of cases; resampling launches
and rounds (a percentile bootstrap) covered 76 to 98 %, worst with few launches.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median, stdev
from typing import Any

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Latency:
    """Seconds per call, over all timed calls of one engine at one operating point."""

    p50: float
    p90: float
    p99: float
    calls: int
    throughput: float
    """Sequences per second: batch / p50."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Speedup:
    """How many times faster the candidate is: baseline time / candidate time, with its interval."""

    estimate: float
    low: float
    high: float
    pairs: int
    launches: int
    confidence: float = CONFIDENCE

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def latency(seconds: Sequence[float], batch: int) -> Latency:
    """Percentiles (linear between neighbouring samples) of `seconds`, at least one sample."""
    p50, p90, p99 = (float(value) for value in np.percentile(seconds, (50, 90, 99)))
    return Latency(p50, p90, p99, len(seconds), batch / p50)


def speedup(launches: Sequence[Sequence[float]], confidence: float = CONFIDENCE) -> Speedup:
    """The paired speed-up from `launches`: for each launch, one ratio baseline / candidate per round.

    Geometric mean over launches of the median ratio within a launch; Student's t interval over the logs of
    those medians. At least two launches, each of at least one round.
    """
    medians = [median(map(math.log, ratios)) for ratios in launches]
    centre = fmean(medians)
    margin = student_t(confidence, len(medians) - 1) * stdev(medians) / math.sqrt(len(medians))
    return Speedup(
        estimate=math.exp(centre),
        low=math.exp(centre - margin),
        high=math.exp(centre + margin),
        pairs=sum(map(len, launches)),
        launches=len(launches),
        confidence=confidence,
    )


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
