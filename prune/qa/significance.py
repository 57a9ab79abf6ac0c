"""Whether one model answers better than another on the same questions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_CHUNK = 500  # resamples drawn at once: bounds memory, leaves the figures as they are


@dataclass(frozen=True)
class Interval:
    """A mean difference and its 95 % confidence interval, in the units of the scores."""

    mean_difference: float
    low: float
    high: float


def paired_bootstrap(a: ArrayLike, b: ArrayLike, *, samples: int = 10_000, seed: int = 0) -> Interval:
    """Mean of a − b over questions, with its percentile interval from resampling the questions.

    `a` and `b` hold one score per question ([questions] each, same order). The same seed gives the same
    interval. Raises ValueError where they differ in length or are empty.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise ValueError(f"paired scores need one length of at least 1, not {first.shape} and {second.shape}")
    difference = first - second
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            difference[rng.integers(0, difference.size, (min(_CHUNK, samples - done), difference.size))].mean(
                1
            )
            for done in range(0, samples, _CHUNK)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(difference.mean()), float(low), float(high))
