"""Which answers are right, question by question, as the official scorer of Natural Questions decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.natural_questions.answers import Gold, NqAnswer, Span
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction
from trellis.errors import InputError

MIN_ANNOTATORS = 2
"""So many must have found an answer for the question to count as having one."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of each question, for long or for short answers: arrays of [questions]."""

    has_answer: Bools
    attempted: Bools
    """Whether an answer is given, right or wrong."""
    correct: Bools
    scores: NDArray[np.float64]

    def above(self, threshold: float) -> "Outcomes":
        """The same where answers that score less than `threshold` are not given."""
        given = self.scores >= threshold
        return Outcomes(self.has_answer, self.attempted & given, self.correct & given, self.scores)


def long_outcomes(
    golds: Sequence[Gold], predictions: Sequence[NqPrediction], *, min_annotators: int = MIN_ANNOTATORS
) -> Outcomes:
    """Outcomes in the order of `golds`: right is a long answer that any annotator gave.

    A question has an answer where at least `min_annotators` gave one, or all of them where they are fewer,
    as the one annotator of a training set is. Raises InputError where there are no questions, one has no
    annotations, or predictions and questions are not of the same ids.
    """
    return _outcomes(
        golds,
        predictions,
        min_annotators,
        given=lambda answer: answer.long is not None,
        agree=_same_long,
        score=lambda prediction: prediction.long_score,
    )


def short_outcomes(
    golds: Sequence[Gold], predictions: Sequence[NqPrediction], *, min_annotators: int = MIN_ANNOTATORS
) -> Outcomes:
    """As `long_outcomes`, for short answers: right are the spans, or the yes or no, of any one annotator."""
    return _outcomes(
        golds,
        predictions,
        min_annotators,
        given=lambda answer: answer.has_short,
        agree=_same_short,
        score=lambda prediction: prediction.short_score,
    )


def _outcomes(
    golds: Sequence[Gold],
    predictions: Sequence[NqPrediction],
    min_annotators: int,
    *,
    given: Callable[[NqAnswer], bool],
    agree: Callable[[NqAnswer, NqAnswer], bool],
    score: Callable[[NqPrediction], float],
) -> Outcomes:
    ordered = _in_order(golds, predictions)
    has_answer = [
        sum(map(given, gold.annotations)) >= min(min_annotators, len(gold.annotations)) for gold in golds
    ]
    attempted = [given(prediction.answer) for prediction in ordered]
    correct = [
        there and tried and any(agree(one, prediction.answer) for one in gold.annotations)
        for gold, prediction, there, tried in zip(golds, ordered, has_answer, attempted, strict=True)
    ]
    return Outcomes(
        np.array(has_answer, np.bool_),
        np.array(attempted, np.bool_),
        np.array(correct, np.bool_),
        np.array([score(prediction) for prediction in ordered], np.float64),
    )


def _in_order(golds: Sequence[Gold], predictions: Sequence[NqPrediction]) -> list[NqPrediction]:
    if not golds:
        raise InputError("There are no questions to score.")
    for gold in golds:
        if not gold.annotations:
            raise InputError(f"Question {gold.id} has no annotations; score a set that was annotated.")
    by_id = {prediction.id: prediction for prediction in predictions}
    odd = {gold.id for gold in golds} ^ set(by_id)
    if odd or len(by_id) != len(predictions) or len(by_id) != len(golds):
        named = f", among them {min(odd)}" if odd else ""
        raise InputError(
            f"There are {len(golds)} questions and {len(predictions)} predictions, of which {len(odd)} have "
            f"no counterpart{named}; give one prediction for each question."
        )
    return [by_id[gold.id] for gold in golds]


def _same_long(gold: NqAnswer, predicted: NqAnswer) -> bool:
    return gold.long is not None and predicted.long is not None and gold.long.same(predicted.long)


def _same_short(gold: NqAnswer, predicted: NqAnswer) -> bool:
    if predicted.yes_no != "NONE":
        return gold.yes_no == predicted.yes_no
    return _all_among(gold.short, predicted.short) and _all_among(predicted.short, gold.short)


def _all_among(spans: Sequence[Span], others: Sequence[Span]) -> bool:
    return all(any(span.same(other) for other in others) for span in spans)
