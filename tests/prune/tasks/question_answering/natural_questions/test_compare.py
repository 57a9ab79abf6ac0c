"""Two models on the same Natural Questions: as served by one threshold for both kinds of answers, alike for both."""

import random

import pytest

from prune.tasks.question_answering.figures import Comparison, Figure, warnings
from prune.tasks.question_answering.natural_questions.answers import Gold, NqAnswer, Span
from prune.tasks.question_answering.natural_questions.compare import compare, habit_of
from prune.tasks.question_answering.natural_questions.examine import NqAnswers
from prune.tasks.question_answering.natural_questions.metrics import score
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.significance import Interval
from trellis.errors import InputError

RIGHT = NqAnswer(Span(5, 9), (Span(6, 7),))
WRONG = NqAnswer(Span(1, 4), (Span(2, 3),))
HABIT = Habit(0.0, 0.25)


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


def figure(found: Comparison, name: str) -> Figure:
    return next(figure for figure in found.figures if figure.name == name)


@pytest.mark.parametrize("threshold", [-0.9, -0.2, 0.4])
def test_at_a_given_threshold_figures_are_the_official_ones(threshold: float) -> None:
    before, after = answers(0.8, 1), answers(0.6, 2)
    found = compare(before, after, HABIT, thresholds=(threshold, threshold))
    for exam, side, of in ((before, found.before, "before"), (after, found.after, "after")):
        at = score(exam.golds, exam.predictions, long_threshold=-threshold, short_threshold=-threshold)
        best = score(exam.golds, exam.predictions)
        for kind, official, highest in (("long", at.long, best.long), ("short", at.short, best.short)):
            assert getattr(figure(found, f"F1 of {kind} answers as served"), of) == pytest.approx(official.f1)
            assert getattr(figure(found, f"F1 of {kind} answers at the best threshold"), of) == pytest.approx(
                highest.f1
            )
            kept = getattr(side, kind)
            assert sum(kept.correct) / sum(kept.attempted) == pytest.approx(highest.precision / 100)
            assert sum(kept.correct) / sum(kept.has_answer) == pytest.approx(highest.recall / 100)
            assert kept.score == highest


def test_the_folds_are_alike_for_both_and_the_change_lies_between_them() -> None:
    before, after = answers(0.8, 1), answers(0.6, 2)
    found = compare(before, after, habit_of(before, 0.0))
    for one in found.figures:
        assert one.change.mean_difference == pytest.approx(one.after - one.before)
        assert one.questions in (100, 300, 400)
    assert found.figures[0].name == "F1 of short answers as served"
    change = figure(found, "F1 of short answers as served").change
    assert change.low < change.mean_difference < change.high < 0
    losses = [
        -figure(found, f"F1 of {kind} answers as served").change.mean_difference for kind in ("long", "short")
    ]
    assert found.f1_loss == max(losses)
    assert found.has_answer_f1_loss == max(
        -figure(found, f"has-answer F1 of {kind} answers as served").change.mean_difference
        for kind in ("long", "short")
    )
    assert found.floor.f1 == 0  # refusing everything is worth nothing here
    assert found.fitted
    assert found.null_threshold == found.after.null_threshold
    # served by folds is no better than the best on the very questions
    for kind in ("long", "short"):
        best = figure(found, f"F1 of {kind} answers at the best threshold")
        assert figure(found, f"F1 of {kind} answers as served").after <= best.after + 1e-9


def test_a_model_does_not_differ_from_itself() -> None:
    exam = answers(0.7, 3)
    found = compare(exam, exam, HABIT)
    assert {one.change for one in found.figures} == {Interval(0, 0, 0)}


def test_a_model_that_is_never_right_scores_nothing_and_says_so() -> None:
    found = compare(answers(1, 1), answers(0, 1), HABIT)
    assert figure(found, "F1 of long answers at the best threshold").after == 0
    assert (found.null_threshold, found.fitted) == (None, False)
    told = list(warnings(found))
    assert told[0].startswith("The model as it became is destroyed: on the 300 questions")
    assert any("no better than refusing every question, which scores 0.0 of F1" in text for text in told)


def test_other_questions_are_refused() -> None:
    with pytest.raises(InputError, match="one prediction for each question"):
        compare(answers(0.5, 1, 10), answers(0.5, 1, 11), HABIT)
