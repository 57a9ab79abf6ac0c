"""Two models' answers to the same Natural Questions: what each scores, and what lies between them."""

from dataclasses import dataclass

import numpy as np

from prune.tasks.question_answering.figures import Comparison, Figure, figures_of, floor_of
from prune.tasks.question_answering.natural_questions.examine import NqAnswers
from prune.tasks.question_answering.natural_questions.metrics import AnswerScore, at_threshold, best_threshold
from prune.tasks.question_answering.natural_questions.outcomes import (
    MIN_ANNOTATORS,
    Outcomes,
    long_outcomes,
    short_outcomes,
)
from prune.tasks.question_answering.refusal import Choices, Habit, fitted_threshold, folds, thresholds_by_fold

KINDS = ("short answers", "long answers")


@dataclass(frozen=True)
class AnswerAccuracy:
    """One model's long or short answers, question by question: counts to be paired with any other model's."""

    score: AnswerScore
    """At the threshold that suits them best on these questions."""
    has_answer: tuple[bool, ...]
    """In the order of the questions, as the next two; these at that threshold."""
    attempted: tuple[bool, ...]
    correct: tuple[bool, ...]


@dataclass(frozen=True)
class NqAccuracy:
    """One model's answers."""

    long: AnswerAccuracy
    short: AnswerAccuracy
    null_threshold: float
    """To serve both with: fitted to the short ones, or the one that came. Odds are the score the other way round."""
    total: int


def habit_of(answers: NqAnswers, null_threshold: float) -> Habit:
    """How the model that gave `answers` refuses at the threshold that it came with."""
    refused = [-one.short_score > null_threshold for one in answers.predictions]
    return Habit(null_threshold, sum(refused) / max(1, len(refused)))


def compare(
    before: NqAnswers,
    after: NqAnswers,
    habit: Habit,
    *,
    thresholds: tuple[float, float] | None = None,
    min_annotators: int = MIN_ANNOTATORS,
) -> Comparison:
    """Score two models that were asked the same questions, see `long_outcomes`.

    As served both kinds of answers go by one threshold, which is fitted to the short ones on other questions than it
    judges, for both models alike; or by the `thresholds` given. Raises InputError where their questions are not the
    same, and where `long_outcomes` does.
    """
    fold = folds(range(len(before.golds)))
    longs, shorts, fitted, sides = [], [], [], []
    for index, exam in enumerate((before, after)):
        long, short = (
            outcomes(before.golds, exam.predictions, min_annotators=min_annotators)
            for outcomes in (long_outcomes, short_outcomes)
        )
        choices = _choices(short)
        by_question = (
            np.full(len(fold), thresholds[index]) if thresholds else thresholds_by_fold(choices, fold, habit)
        )
        refused = [-kind.scores > by_question for kind in (long, short)]
        fitted.append(fitted_threshold(choices, habit))
        longs.append((long, refused[0]))
        shorts.append((short, refused[1]))
        threshold = fitted[-1]
        sides.append(
            NqAccuracy(
                _accuracy(long),
                _accuracy(short),
                habit.null_threshold if threshold is None else threshold,
                len(before.golds),
            )
        )
    figures: list[Figure] = []
    for of, pair in zip(KINDS, (shorts, longs), strict=True):
        first, second = (_choices(outcomes) for outcomes, _ in pair)
        best = [-best_threshold(outcomes) for outcomes, _ in pair]
        figures += figures_of((first, second), (pair[0][1], pair[1][1]), (best[0], best[1]), of)
    (short_before, refused_before), (short_after, refused_after) = shorts
    return Comparison(
        tuple(figures),
        floor_of((_choices(short_before), _choices(short_after)), (refused_before, refused_after)),
        thresholds is None and fitted[1] is not None,
        fitted[1],
        *sides,
    )


def _choices(outcomes: Outcomes) -> Choices:
    """F1 is twice the right answers over those given and those there are, a ratio of sums over questions."""
    there = outcomes.has_answer.astype(np.float64)
    given = outcomes.attempted.astype(np.float64)
    return Choices(
        outcomes.has_answer,
        outcomes.attempted,
        -outcomes.scores,
        2 * outcomes.correct.astype(np.float64),
        given + there,
        np.zeros_like(there),
        there,
    )


def _accuracy(outcomes: Outcomes) -> AnswerAccuracy:
    threshold = best_threshold(outcomes)
    given = outcomes.above(threshold)
    columns = (given.has_answer, given.attempted, given.correct)
    return AnswerAccuracy(at_threshold(outcomes, threshold), *(tuple(column.tolist()) for column in columns))
