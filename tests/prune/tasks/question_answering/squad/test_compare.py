"""Two models on the same SQuAD questions: their scores are the official ones, and thresholds are alike for both."""

import math

import pytest

from prune.tasks.question_answering.answer import score_predictions
from prune.tasks.question_answering.figures import Comparison
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.significance import Interval
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.compare import compare, habit_of

QUESTIONS = [
    Question("pear", "What?", "the pear tree", (Answer("pear", 4),)),
    Question("article", "Which word?", "the pear tree", (Answer("the", 0),)),  # normalises to nothing
    Question("none", "Who?", "the pear tree"),
]
HABIT = Habit(0.0, 1 / 3)


def predictions(*odds: float) -> list[Prediction]:
    texts = ("pear", "the", "tree")
    return [Prediction(q.id, text, o) for q, text, o in zip(QUESTIONS, texts, odds, strict=True)]


def values(found: Comparison) -> dict[str, float]:
    return {figure.name: figure.after for figure in found.figures}


def test_given_thresholds_judge_as_the_official_score_does() -> None:
    before, after = predictions(-1, -1, 1), predictions(-1, 2, 1)
    found = compare(QUESTIONS, before, after, HABIT, thresholds=(0.5, 1.5))
    official = score_predictions(QUESTIONS, after, null_threshold=1.5)
    served = values(found)
    assert served["F1 as served"] == pytest.approx(official.f1)
    assert served["has-answer F1 as served"] == official.has_answer_f1
    assert served["no-answer accuracy as served"] == official.no_answer_f1
    assert served["exact match as served"] == pytest.approx(official.exact)
    assert served["F1 at the best threshold"] == pytest.approx(official.best_f1 or 0)
    assert not found.fitted
    assert found.figures[0].before == 100


def test_the_answerable_are_compared_with_none_refused_too() -> None:
    found = compare(QUESTIONS, predictions(-1, -1, 1), predictions(5, 5, -5), HABIT)
    (figure,) = [figure for figure in found.figures if figure.way == "none refused"]
    assert (figure.before, figure.after, figure.change) == (100, 100, Interval(0, 0, 0))


def test_without_answerable_questions_there_is_nothing_to_compare_on_them() -> None:
    alone = QUESTIONS[2:]
    found = compare(alone, predictions(-1, -1, 1)[2:], predictions(-1, -1, 2)[2:], Habit(1.5, 0))
    assert {figure.measure for figure in found.figures} == {
        "F1",
        "no-answer accuracy",
        "share refused",
        "exact match",
    }
    assert found.has_answer_f1_loss == 0
    # nothing to learn from: both are judged by the threshold that came, and it is what stays written
    assert found.null_threshold is None
    assert (found.before.null_threshold, found.figures[0].before, found.figures[0].after) == (1.5, 0, 100)


def test_where_all_have_answers_the_threshold_that_came_serves_both() -> None:
    alone = QUESTIONS[:1]
    found = compare(alone, predictions(5, 0, 0)[:1], predictions(-5, 0, 0)[:1], Habit(1.0, 1.0))
    assert (found.figures[0].before, found.figures[0].after) == (0, 100)
    assert (found.null_threshold, found.fitted) == (None, False)
    assert values(found)["has-answer F1, none refused"] == 100


def test_thresholds_are_fitted_to_both_and_on_other_articles() -> None:
    """Odds of the second article lie 10 higher: fitted there, a threshold refuses nothing of the first."""
    asked = [
        Question(f"{article}{index}", "What?", "the pear tree", () if index % 2 else (Answer("pear", 4),))
        for article in "ab"
        for index in range(40)
    ]
    asked = [Question(**{**vars(one), "article": one.id[0]}) for one in asked]
    found = [
        Prediction(one.id, "pear", 10 * (one.id[0] == "b") + (0.0 if one.answers else 1.0)) for one in asked
    ]
    compared = compare(asked, found, found, habit_of(found, 0.5))
    served = values(compared)
    assert served["share refused as served"] == 50  # all of b by the threshold of a, none of a by that of b
    assert compared.after.refused_by_question == (False,) * 40 + (True,) * 40
    assert served["F1 as served"] == 50
    assert compared.figures[0].change == Interval(0, 0, 0)
    # without articles to part by, contexts; with one context alone, questions
    mixed = compare([Question(o.id, "What?", "c", o.answers) for o in asked], found, found, HABIT)
    assert values(mixed)["F1 as served"] > 70


def test_what_is_kept_of_each_question_can_be_written_down() -> None:
    found = compare(QUESTIONS, predictions(-1, -1, 1), predictions(-1, 2, math.inf), HABIT)
    assert found.after.null_odds_by_question == (-1, 2, None)
    assert found.after.answered_f1_by_question == (1, 1, 0)
    assert found.after.has_answer_by_question == (True, True, False)


def test_the_habit_is_the_share_refused_at_the_threshold_that_came() -> None:
    assert habit_of(predictions(-1, 2, 1), 0.0) == Habit(0.0, 2 / 3)
    assert habit_of(predictions(-1, 2, 1), 1.0) == Habit(1.0, 1 / 3)
