"""Scores that can be paired: figures made of sums over questions, and the intervals between two of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.significance import paired_bootstrap, paired_ratio_bootstrap
from trellis.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A score or a difference of scores, in percent or points, with its 95 % interval over the questions."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Score:
    """100 × sum(parts) / sum(wholes), [questions] each, where a mean over questions has ones for wholes."""

    parts: Floats
    wholes: Floats

    @classmethod
    def mean(cls, by_question: Sequence[float]) -> "Score":
        """The mean of `by_question`, 0..1 each."""
        parts = np.array(by_question, np.float64)
        return cls(parts, np.ones_like(parts))

    @property
    def value(self) -> float:
        """In percent; 0 where the wholes add up to 0."""
        whole = float(self.wholes.sum())
        return 100 * float(self.parts.sum()) / whole if whole else 0.0

    @property
    def num_questions(self) -> int:
        """Questions that the score is made of."""
        return self.parts.size


def pooled(scores: Sequence[Score]) -> Score:
    """The scores of several models on the same questions as one: for means over questions, their mean.

    Raises InputError where the numbers of questions differ.
    """
    for score in scores:
        _check_paired(scores[0], score)
    return Score(
        np.mean([score.parts for score in scores], 0), np.mean([score.wholes for score in scores], 0)
    )


def difference(first: Score, second: Score) -> Estimate:
    """`first` less `second`, in points, with the interval from resampling the questions of both together.

    Raises InputError where the numbers of questions differ.
    """
    _check_paired(first, second)
    if (first.wholes == 1).all() and (second.wholes == 1).all():
        found = paired_bootstrap(100 * first.parts, 100 * second.parts)
    else:
        found = paired_ratio_bootstrap(100 * first.parts, first.wholes, 100 * second.parts, second.wholes)
    return Estimate(round(found.mean_difference, 4), round(found.low, 4), round(found.high, 4))


def estimate(score: Score) -> Estimate:
    """The score itself with its interval from resampling the questions."""
    return difference(score, Score(np.zeros_like(score.parts), np.ones_like(score.wholes)))


def _check_paired(first: Score, second: Score) -> None:
    if first.num_questions != second.num_questions:
        raise InputError(
            f"One model was asked {first.num_questions} questions and another {second.num_questions}; "
            "name a --store whose cells were all measured on the same."
        )
