"""Whether one model answers better than another on the same questions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEW = 30
"""Questions below which resampling them tells too little: one alone would give an interval of no width."""
_CHUNK = 500  # resamples drawn at once: bounds memory, leaves the figures as they are


@dataclass(frozen=True)
class Interval:
    """A difference of means, or of ratios of sums, and its 95 % confidence interval, in the scores' units."""

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
    means = np.concatenate(
        [difference[drawn].mean(1) for drawn in _resamples(difference.size, samples, seed)]
    )
    return _interval(float(difference.mean()), means)


def paired_ratio_bootstrap(
    a_parts: ArrayLike,
    a_wholes: ArrayLike,
    b_parts: ArrayLike,
    b_wholes: ArrayLike,
    *,
    samples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """sum(a_parts) / sum(a_wholes) less the same of b, with its interval from resampling the questions.

    For figures that are no mean over questions, as an F1 of counts is none. One part and one whole, at least
    0, per question and model ([questions] each, same order); a ratio whose wholes add up to 0 is 0. The same
    seed gives the same interval. Raises ValueError where lengths differ or are 0.
    """
    rows = [np.asarray(row, np.float64) for row in (a_parts, a_wholes, b_parts, b_wholes)]
    if any(row.shape != rows[0].shape or row.ndim != 1 or not row.size for row in rows):
        shapes = ", ".join(str(row.shape) for row in rows)
        raise ValueError(f"paired ratios need one length of at least 1, not {shapes}")
    differences = np.concatenate(
        [
            _ratio_difference([row[drawn].sum(1) for row in rows])
            for drawn in _resamples(rows[0].size, samples, seed)
        ]
    )
    return _interval(float(_ratio_difference([row.sum(keepdims=True) for row in rows])[0]), differences)


def warning(questions: int) -> str | None:
    """What to say beside an interval over so few questions; None where they are enough."""
    if questions >= FEW:
        return None
    return (
        f"Intervals over so few questions ({questions}) are narrower than what is known: ask {FEW} or more."
    )


def _ratio_difference(sums: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    a_parts, a_wholes, b_parts, b_wholes = sums
    a, b = (
        np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
        for part, whole in ((a_parts, a_wholes), (b_parts, b_wholes))
    )
    return a - b


def _resamples(size: int, samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """[up to _CHUNK, size] at a time: which questions each resample is made of."""
    rng = np.random.default_rng(seed)
    for done in range(0, samples, _CHUNK):
        yield rng.integers(0, size, (min(_CHUNK, samples - done), size))


def _interval(difference: float, resampled: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(difference, float(low), float(high))
