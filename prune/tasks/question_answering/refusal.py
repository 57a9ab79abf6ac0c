"""Which threshold for "no answer" to serve a model with, found on other questions than those that judge it.

F1 over all questions alone drives a weak model to refuse everything: where half of the questions have no answer, that
scores a half. Its best threshold is little better than many others, and the best of one set is not that of the next.
So, of all thresholds whose F1 is within one standard error of the best, that one is taken which refuses as large a
share as the uncut model did as it came.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.settings import ALWAYS_ANSWER

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MOST_FOLDS = 5


@dataclass(frozen=True)
class Habit:
    """How the uncut model refuses as it came: what fitted thresholds stay near to."""

    null_threshold: float
    """What serves where there is nothing to learn refusing from."""
    refused: float
    """Share of the questions whose odds exceed it, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Choices:
    """What answering each question brings, and what refusing it does: arrays of [questions].

    F1, in percent, is 100 · sum(parts) / sum(wholes) of whichever happens to each.
    """

    has_answer: Bools
    attempted: Bools
    """Whether there is an answer to give at all."""
    null_odds: Floats
    """Refused is where these exceed the threshold; infinite where there is nothing else to do."""
    answered_parts: Floats
    answered_wholes: Floats
    refused_parts: Floats
    refused_wholes: Floats

    def refused_at(self, threshold: float) -> Bools:
        """Which questions are refused."""
        return self.null_odds > threshold

    def ratio(self, refused: Bools) -> tuple[Floats, Floats]:
        """(parts, wholes) where the questions in `refused` are refused and all others answered."""
        return (
            np.where(refused, self.refused_parts, self.answered_parts),
            np.where(refused, self.refused_wholes, self.answered_wholes),
        )

    def silent(self, refused: Bools) -> Bools:
        """Which questions get no answer: those refused, and those with none to give."""
        return refused | ~self.attempted

    def select(self, chosen: Bools) -> "Choices":
        """The same of some questions."""
        return Choices(
            self.has_answer[chosen],
            self.attempted[chosen],
            self.null_odds[chosen],
            self.answered_parts[chosen],
            self.answered_wholes[chosen],
            self.refused_parts[chosen],
            self.refused_wholes[chosen],
        )


def fitted_threshold(choices: Choices, habit: Habit) -> float | None:
    """The threshold to serve with; None where nothing can be learnt: no questions of both kinds, none answered rightly.

    It lies midway between the odds of two questions, so that rounding flips neither.
    """
    if choices.has_answer.all() or not choices.has_answer.any():
        return None
    order = np.argsort(choices.null_odds, kind="stable")
    odds = choices.null_odds[order]
    answered = np.arange(len(odds) + 1)  # the first so many, in ascending order of their odds
    parts, wholes = (
        refused.sum() + np.concatenate([[0.0], np.cumsum((answering - refused)[order])])
        for answering, refused in (
            (choices.answered_parts, choices.refused_parts),
            (choices.answered_wholes, choices.refused_wholes),
        )
    )
    f1 = np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes != 0)
    above = np.append(odds, np.inf)
    below = np.concatenate([[-np.inf], odds])
    possible = (below < above) & (below < ALWAYS_ANSWER)
    best = int(np.argmax(np.where(possible, f1, -np.inf)))
    if not f1[best]:
        return None
    error = _standard_error(choices, choices.refused_at(_between(odds, best)))
    near = np.flatnonzero(possible & (f1 >= f1[best] - error))
    distance = np.abs(1 - answered[near] / len(odds) - habit.refused)
    return _between(odds, int(near[np.lexsort((-f1[near], distance))[0]]))


def folds(groups: Sequence[Hashable]) -> Ints:
    """[questions]: the fold of each, MOST_FOLDS at most; a group is never parted, and folds are about equally large."""
    sizes = Counter(groups)  # remembers the order in which they first came
    loads = [0] * min(MOST_FOLDS, len(sizes))
    fold_of: dict[Hashable, int] = {}
    for group in sorted(sizes, key=lambda group: -sizes[group]):
        fold_of[group] = loads.index(min(loads))
        loads[fold_of[group]] += sizes[group]
    return np.array([fold_of[group] for group in groups], np.int64)


def thresholds_by_fold(choices: Choices, fold: Ints, habit: Habit) -> Floats:
    """[questions]: the threshold that each is judged with, fitted on all folds but its own."""
    thresholds = np.full(len(fold), habit.null_threshold)
    for each in np.unique(fold):
        fitted = fitted_threshold(choices.select(fold != each), habit)
        if fitted is not None:
            thresholds[fold == each] = fitted
    return thresholds


def _between(odds: Floats, answered: int) -> float:
    """A finite threshold that answers the first `answered` of ascending `odds`, and refuses the others."""
    if not answered:
        return float(min(np.nextafter(odds[0], -np.inf), ALWAYS_ANSWER))
    last = float(odds[answered - 1])
    if answered == len(odds) or not np.isfinite(odds[answered]):
        return last
    middle = last + (float(odds[answered]) - last) / 2
    return middle if middle < odds[answered] else last


def _standard_error(choices: Choices, refused: Bools) -> float:
    """Of the F1 (0 to 1) there: to first order, as it is a ratio of sums over questions."""
    parts, wholes = choices.ratio(refused)
    f1 = parts.sum() / wholes.sum()
    return float((parts - f1 * wholes).std() / wholes.mean() / np.sqrt(len(parts)))
