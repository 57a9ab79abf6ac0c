"""Agreement of two lists of answers: closed forms."""

import pytest

from prune.search.agreement import Agreement, agreement
from prune.tasks.question_answering.questions import Question

CONTEXTS = ("a", "a", "b", "c")


def of(reference: list[str], answers: list[str], contexts: tuple[str, ...] = CONTEXTS) -> Agreement:
    asked = [Question(str(number), "?", context) for number, context in enumerate(contexts)]
    return agreement(asked, reference, answers)


def test_equal_answers_agree_wholly_refusals_included() -> None:
    answers = ["pear tree", "", "1871", ""]
    assert of(answers, answers) == Agreement(100, 100, 100, 4)


def test_case_articles_and_punctuation_are_no_disagreement() -> None:
    assert of(["The Pear tree."] * 4, ["pear tree"] * 4).mean == 100


def test_refusing_and_answering_disagree_whichever_refuses() -> None:
    assert of([""] * 4, ["tree"] * 4).mean == of(["tree"] * 4, [""] * 4).mean == 0


def test_partial_answers_count_by_token_f1() -> None:
    # Two of two tokens against two of four: F1 2 * 1 * 0.5 / 1.5.
    assert of(["old pear"] * 4, ["old pear tree wall"] * 4).mean == pytest.approx(200 / 3)
    assert of(["red", "red", "red", ""], ["red", "blue", "", ""]).mean == 50


def test_questions_of_one_paragraph_are_drawn_together() -> None:
    balanced = of(["x", "x", "x", "x"], ["x", "y", "x", "y"], ("a", "a", "b", "b"))
    assert balanced == Agreement(50, 50, 50, 4)  # each paragraph is half right
    apart = of(["x", "x", "x", "x"], ["x", "x", "y", "y"], ("a", "a", "b", "b"))
    assert (apart.low, apart.mean, apart.high) == (0, 50, 100)


def test_questions_of_the_only_paragraph_are_drawn_one_by_one() -> None:
    one_paragraph = of(["x", "x", "x", "x"], ["x", "y", "x", "y"], ("a", "a", "a", "a"))
    assert (one_paragraph.low, one_paragraph.mean, one_paragraph.high) == (0, 50, 100)


def test_the_interval_is_that_of_a_mean() -> None:
    right = 300
    answers = ["x"] * right + ["y"] * (400 - right)
    found = of(["x"] * 400, answers, tuple(map(str, range(400))))
    error = 1.96 * 100 * (0.75 * 0.25 / 400) ** 0.5
    assert (found.mean - found.low, found.high - found.mean) == pytest.approx((error, error), rel=0.1)
