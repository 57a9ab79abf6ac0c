"""Two models on the same questions: F1 at each one's best thresholds, and the interval of its change."""

import random

import pytest

from prune.errors import InputError
from prune.qa.nq.answers import Gold, NqAnswer, Span
from prune.qa.nq.compare import compare
from prune.qa.nq.examine import NqAnswers
from prune.qa.nq.metrics import score
from prune.qa.nq.predictions import NqPrediction

RIGHT = NqAnswer(Span(5, 9), (Span(6, 7),))
WRONG = NqAnswer(Span(1, 4), (Span(2, 3),))


def answers(quality: float, seed: int, number: int = 400) -> NqAnswers:
    """A quarter of the questions have no answer; right ones score higher by and large."""
    generator = random.Random(seed)
    golds, predictions = [], []
    for index in range(number):
        golds.append(Gold(str(index), ((NqAnswer() if index % 4 == 0 else RIGHT),) * 5))
        right = generator.random() < quality
        scores = (generator.gauss(right, 0.7) for _ in range(2))
        predictions.append(NqPrediction(str(index), RIGHT if right else WRONG, *scores))
    return NqAnswers(tuple(golds), tuple(predictions))


def test_scores_are_those_at_the_best_thresholds_and_the_change_lies_between_them() -> None:
    before, after = answers(0.8, 1), answers(0.6, 2)
    found = compare(before, after)
    for accuracy, exam in ((found.before, before), (found.after, after)):
        expected = score(exam.golds, exam.predictions)
        assert (accuracy.long.score, accuracy.short.score) == (expected.long, expected.short)
        assert accuracy.total == 400
        for kind in (accuracy.long, accuracy.short):
            counts = sum(kind.correct), sum(kind.attempted) + sum(kind.has_answer)
            assert kind.score.f1 == pytest.approx(200 * counts[0] / counts[1])
    for change, name in ((found.long_f1_change, "long"), (found.short_f1_change, "short")):
        difference = getattr(found.after, name).score.f1 - getattr(found.before, name).score.f1
        assert change.mean_difference == pytest.approx(difference)
        assert change.low < difference < change.high < 0
    assert found.null_threshold == -found.after.short.score.threshold


def test_a_model_does_not_differ_from_itself() -> None:
    exam = answers(0.7, 3)
    found = compare(exam, exam)
    for change in (found.long_f1_change, found.short_f1_change):
        assert (change.mean_difference, change.low, change.high) == (0, 0, 0)


def test_a_model_that_is_never_right_scores_nothing() -> None:
    found = compare(answers(1, 1), answers(0, 1))
    assert (found.after.long.score.f1, found.after.long.score.threshold) == (0, 0)
    assert found.long_f1_change.mean_difference == -found.before.long.score.f1
    assert found.null_threshold is None


def test_other_questions_are_refused() -> None:
    with pytest.raises(InputError, match="one prediction for each question"):
        compare(answers(0.5, 1, 10), answers(0.5, 1, 11))
