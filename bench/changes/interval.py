"""How much a speed-up changed between two measurements, and how sure that is: pure arithmetic.

Both speed-ups are ratios of neighbours in time, measured independently of each other, so their change is a ratio
whose logarithm is the difference of two means over launches. Its interval is Student's t:

- The variance of each mean is s² / N, with s the standard deviation of the pilot's launches and N all launches.
- Where both numbers of launches were fixed beforehand (N is the pilot), the degrees of freedom are Welch's and
  Satterthwaite's, rounded down.
- Where one of them was chosen by s (Stein's two-stage rule, see bench.measure.statistics), s² / N no longer tells how
  well s was known: the rule makes it the same whatever s was, and Welch's degrees would promise too much (an
  interval of 95 % would hold in 90 to 95 % of all cases). The smaller of both pilots' degrees holds in at least 95 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, variance

from bench.measure.statistics import CONFIDENCE, Verdict, student_t, verdict_of

Measured = tuple[Sequence[Sequence[float]], int]
"""Log ratios, launch by launch and block by block, and how many launches were the pilot; see
bench.measure.statistics."""


@dataclass(frozen=True)
class Change:
    """How many times as large the new speed-up is as the old one, with its interval."""

    estimate: float
    low: float
    high: float
    degrees: int
    """Of freedom, of Student's t."""
    confidence: float = CONFIDENCE

    @property
    def verdict(self) -> Verdict:
        """What the interval says of the candidate, against its baseline; undecided: no significant change."""
        return verdict_of(self.low, self.high)

    def lost_more_than(self, share: float) -> bool:
        """Whether the whole interval lies below 1 - `share`."""
        return self.high < 1 - share


def change_of(old: Measured, new: Measured) -> Change:
    """The change of the speed-up from `old` to `new`; each of at least two launches in its pilot."""
    both = (old, new)
    means = [fmean(map(median, launches)) for launches, _ in both]
    variances = [variance(map(median, launches[:pilot])) / len(launches) for launches, pilot in both]
    degrees = [pilot - 1 for _, pilot in both]
    fixed = all(pilot == len(launches) for launches, pilot in both)
    used = welch_degrees(variances, degrees) if fixed else min(degrees)
    centre = means[1] - means[0]
    margin = student_t(CONFIDENCE, used) * math.sqrt(sum(variances))
    return Change(math.exp(centre), math.exp(centre - margin), math.exp(centre + margin), used)


def welch_degrees(variances: Sequence[float], degrees: Sequence[int]) -> int:
    """Welch's and Satterthwaite's degrees of freedom of a difference of means, rounded down: the wider interval.

    `variances`: of the means; `degrees`: of freedom, with which each is known.
    """
    parts = sum(one**2 / known for one, known in zip(variances, degrees, strict=True))
    # Never under the smaller of the two, which rounding could miss; and all there is where nothing varies.
    return max(min(degrees), math.floor(sum(variances) ** 2 / parts)) if parts else min(degrees)
