"""Two models' answers to the same questions: what each scores, and what lies between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune.tasks.question_answering.answer import score_predictions
from prune.tasks.question_answering.figures import Comparison, figures_of, floor_of
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.refusal import Choices, Habit, fitted_threshold, folds, thresholds_by_fold
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.metrics import SquadScore, normalize_answer, per_question


@dataclass(frozen=True)
class Accuracy:
    """One model's answers, question by question in their order: to be paired with any other model's."""

    score: SquadScore
    """On all questions at `null_threshold`, and at the thresholds that suit them best."""
    null_threshold: float
    """To serve with: fitted on all questions, or the one that came."""
    has_answer_by_question: tuple[bool, ...]
    answered_f1_by_question: tuple[float, ...]
    """0 to 1, none refused."""
    null_odds_by_question: tuple[float | None, ...]
    """None where there is nothing to answer with."""
    refused_by_question: tuple[bool, ...]
    """As served: by the threshold that was fitted on other questions."""


def habit_of(predictions: Sequence[Prediction], null_threshold: float) -> Habit:
    """How the model that gave `predictions` refuses at the threshold that it came with."""
    refused = [prediction.null_odds > null_threshold for prediction in predictions]
    return Habit(null_threshold, sum(refused) / max(1, len(refused)))


def compare(
    questions: Sequence[Question],
    before: Sequence[Prediction],
    after: Sequence[Prediction],
    habit: Habit,
    *,
    thresholds: tuple[float, float] | None = None,
) -> Comparison:
    """Score two models on `questions`; their predictions are in the same order.

    As served each question is judged by a threshold that was fitted on other articles (or contexts, where all are of
    one article), for both models alike; or by the `thresholds` that are given for the two.
    """
    fold = folds(_groups(questions))
    choices, exact, refused, fitted = [], [], [], []
    for index, predictions in enumerate((before, after)):
        choice, match = _choices(questions, predictions)
        by_question = (
            np.full(len(questions), thresholds[index])
            if thresholds
            else thresholds_by_fold(choice, fold, habit)
        )
        choices.append(choice)
        exact.append(match)
        refused.append(choice.null_odds > by_question)
        fitted.append(fitted_threshold(choice, habit))
    pair, masks = (choices[0], choices[1]), (refused[0], refused[1])
    sides = [
        _accuracy(questions, each, choice, habit.null_threshold if at is None else at, mask)
        for each, choice, at, mask in zip((before, after), choices, fitted, refused, strict=True)
    ]
    best = [side.score.best_f1_threshold for side in sides]
    assert best[0] is not None  # as the odds were given
    assert best[1] is not None
    return Comparison(
        tuple(figures_of(pair, masks, (best[0], best[1]), exact=(exact[0], exact[1]))),
        floor_of(pair, masks),
        thresholds is None and fitted[1] is not None,
        fitted[1],
        *sides,
    )


def _choices(questions: Sequence[Question], predictions: Sequence[Prediction]) -> tuple[Choices, Choices]:
    """In terms of F1, and of exact match."""
    has_answer = np.array([bool(question.answers) for question in questions])
    texts = {prediction.id: prediction.best_text for prediction in predictions}
    exact, f1 = per_question(questions, texts)
    in_f1 = Choices(
        has_answer,
        np.array([bool(normalize_answer(prediction.best_text)) for prediction in predictions]),
        np.array([prediction.null_odds for prediction in predictions], np.float64),
        f1,
        np.ones_like(f1),
        (~has_answer).astype(np.float64),
        np.ones_like(f1),
    )
    return in_f1, replace(in_f1, answered_parts=exact)


def _accuracy(
    questions: Sequence[Question],
    predictions: Sequence[Prediction],
    choices: Choices,
    threshold: float,
    refused: np.ndarray,
) -> Accuracy:
    return Accuracy(
        score_predictions(questions, predictions, null_threshold=threshold),
        threshold,
        tuple(choices.has_answer.tolist()),
        tuple(choices.answered_parts.round(6).tolist()),
        tuple(odds if math.isfinite(odds) else None for odds in choices.null_odds.round(6).tolist()),
        tuple(refused.tolist()),
    )


def _groups(questions: Sequence[Question]) -> list[str]:
    """What must not be parted: articles; contexts where there is one article; else the questions themselves."""
    by = (
        [question.article for question in questions],
        [question.context for question in questions],
        [question.id for question in questions],
    )
    return next((groups for groups in by if len(set(groups)) > 1), by[-1])
