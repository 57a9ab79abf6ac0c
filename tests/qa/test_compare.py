"""Two models on the same questions: their scores are the official ones, and the change lies between them."""

import pytest

from prune.qa.compare import compare
from prune.qa.questions import Answer, Question
from prune.qa.spans import Prediction

QUESTIONS = [
    Question("pear", "What?", "the pear tree", (Answer("pear", 4),)),
    Question("article", "Which word?", "the pear tree", (Answer("the", 0),)),  # normalises to nothing
    Question("none", "Who?", "the pear tree"),
]


def predictions(*odds: float) -> list[Prediction]:
    texts = ("pear", "the", "tree")
    return [Prediction(q.id, text, o) for q, text, o in zip(QUESTIONS, texts, odds, strict=True)]


def test_the_change_is_the_difference_of_the_scores_even_where_an_answer_is_an_article() -> None:
    # Before: all answered or refused rightly. After: the only good threshold refuses the article.
    found = compare(QUESTIONS, predictions(-1, -1, 1), predictions(-1, 2, 1))
    assert found.before.score.f1 == 100
    assert found.after.score.f1 == pytest.approx(200 / 3)
    assert found.f1_change.mean_difference == pytest.approx(found.after.score.f1 - found.before.score.f1)


def test_the_answerable_are_compared_with_none_refused() -> None:
    found = compare(QUESTIONS, predictions(-1, -1, 1), predictions(5, 5, -5))
    assert found.before.has_answer_f1 == found.after.has_answer_f1 == 100
    assert found.has_answer_f1_change is not None
    assert found.has_answer_f1_change.mean_difference == 0


def test_without_answerable_questions_there_is_nothing_to_compare_on_them() -> None:
    found = compare(QUESTIONS[2:], predictions(-1, -1, 1)[2:], predictions(-1, -1, 2)[2:])
    assert found.has_answer_f1_change is None
    assert found.after.has_answer_f1 is None
