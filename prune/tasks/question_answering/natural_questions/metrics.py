"""The official score of Natural Questions: F1 of long and of short answers, at the thresholds that serve best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.natural_questions.answers import Gold
from prune.tasks.question_answering.natural_questions.outcomes import (
    MIN_ANNOTATORS,
    Outcomes,
    long_outcomes,
    short_outcomes,
)
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class AnswerScore:
    """Figures in percent, where answers that score less than `threshold` are not given."""

    f1: float
    precision: float
    recall: float
    threshold: float


@dataclass(frozen=True)
class NqScore:
    """Long and short answers, scored apart."""

    long: AnswerScore
    short: AnswerScore
    total: int
    """Questions, with an answer or without."""


def score(
    golds: Sequence[Gold],
    predictions: Sequence[NqPrediction],
    *,
    long_threshold: float | None = None,
    short_threshold: float | None = None,
    min_annotators: int = MIN_ANNOTATORS,
) -> NqScore:
    """Score `predictions`, one for each of `golds` in whatever order, at the thresholds given or the best.

    Raises InputError where `long_outcomes` does.
    """
    outcomes = (
        (long_outcomes(golds, predictions, min_annotators=min_annotators), long_threshold),
        (short_outcomes(golds, predictions, min_annotators=min_annotators), short_threshold),
    )
    long, short = (
        at_threshold(found, best_threshold(found) if threshold is None else threshold)
        for found, threshold in outcomes
    )
    return NqScore(long, short, len(golds))


def at_threshold(outcomes: Outcomes, threshold: float) -> AnswerScore:
    """The score where answers that score less than `threshold` are not given."""
    given = outcomes.above(threshold)
    f1, precision, recall = _figures(given.correct.sum(), given.attempted.sum(), given.has_answer.sum())
    return AnswerScore(100 * float(f1), 100 * float(precision), 100 * float(recall), threshold)


def best_threshold(outcomes: Outcomes) -> float:
    """The threshold with the highest F1; of equals the highest. Where no answer is right: 0, as officially."""
    order = np.argsort(-outcomes.scores, kind="stable")
    scores = outcomes.scores[order]
    last_of_equals = np.append(scores[1:] != scores[:-1], True)
    f1, _, _ = _figures(
        np.cumsum(outcomes.correct[order])[last_of_equals],
        np.cumsum(outcomes.attempted[order])[last_of_equals],
        outcomes.has_answer.sum(),
    )
    best = int(np.argmax(f1))
    return float(scores[last_of_equals][best]) if f1[best] else 0.0


def _figures(correct: Counts, attempted: Counts, has_answer: Counts) -> tuple[Floats, Floats, Floats]:
    """(F1, precision, recall), 0..1; worked out in the official script's order, so that ties fall alike."""
    precision, recall = _ratio(correct, attempted), _ratio(correct, has_answer)
    return _ratio(2 * precision * recall, precision + recall), precision, recall


def _ratio(part: Counts | Floats, whole: Counts | Floats) -> Floats:
    """0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.not_equal(whole, 0))
