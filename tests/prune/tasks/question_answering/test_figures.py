"""What is said of two models' figures: those as served first, the floor, and what voids them."""

import json

import pytest

from prune.tasks.question_answering.figures import Comparison, warnings
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.compare import compare, habit_of

COUNT = 200
CONTEXT = "the pear tree"


def questions(count: int = COUNT) -> list[Question]:
    """Every second one without an answer, of four articles."""
    return [
        Question(
            f"q{index}",
            "What?",
            CONTEXT,
            () if index % 2 else (Answer("pear", 4),),
            article=f"article {index % 4 // 2 + 2 * (index > count // 2)}",
        )
        for index in range(count)
    ]


def model(right: float, told_apart: float, count: int = COUNT) -> list[Prediction]:
    """Answers rightly so often, and gives higher odds so often where there is no answer."""
    found = []
    for index, question in enumerate(questions(count)):
        place = index // 2 * 2 / count  # spread evenly, alike for both kinds
        rank = (place * 37) % 1
        text = "pear" if rank < right else "tree"
        knows = (place * 61) % 1 < told_apart
        odds = (1.0 if (index % 2 == 1) == knows else -1.0) + place / 10
        found.append(Prediction(question.id, text, odds))
    return found


def compared(before: list[Prediction], after: list[Prediction], count: int = COUNT) -> Comparison:
    return compare(questions(count), before, after, habit_of(before, 0.0))


def test_what_is_served_comes_first_and_is_what_the_questions_got() -> None:
    found = compared(model(0.9, 0.95), model(0.8, 0.9))
    assert [figure.name for figure in found.figures] == [
        "F1 as served",
        "has-answer F1 as served",
        "no-answer accuracy as served",
        "share refused as served",
        "exact match as served",
        "F1 at the best threshold",
        "has-answer F1, none refused",
    ]
    assert [figure.questions for figure in found.figures] == [200, 100, 100, 200, 200, 200, 100]
    figures = {figure.name: figure for figure in found.figures}
    for side, of in ((found.before, "before"), (found.after, "after")):
        refused = side.refused_by_question
        served = [
            float(not has) if gone else f1
            for gone, has, f1 in zip(
                refused, side.has_answer_by_question, side.answered_f1_by_question, strict=True
            )
        ]
        assert getattr(figures["F1 as served"], of) == pytest.approx(100 * sum(served) / 200)
        assert getattr(figures["has-answer F1 as served"], of) == pytest.approx(sum(served[::2]))
        assert getattr(figures["no-answer accuracy as served"], of) == pytest.approx(sum(refused[1::2]))
        assert getattr(figures["share refused as served"], of) == pytest.approx(sum(refused) / 2)
    assert figures["has-answer F1, none refused"].after == pytest.approx(80, abs=1)
    for figure in found.figures:
        change = figure.change
        assert change.mean_difference == pytest.approx(figure.after - figure.before)
        assert change.low <= change.mean_difference <= change.high
    assert found.floor.f1 == 50
    assert found.f1_loss == pytest.approx(figures["F1 as served"].before - figures["F1 as served"].after)
    assert found.has_answer_f1_loss == pytest.approx(
        figures["has-answer F1 as served"].before - figures["has-answer F1 as served"].after
    )
    assert found.fitted
    assert list(warnings(found)) == []
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["figures"][0]["name"] == "F1 as served"
    assert plain["warnings"] == []


def test_a_model_that_is_no_better_than_refusing_everything_is_named() -> None:
    found = list(warnings(compared(model(0.9, 0.95), model(0.8, 0.5)), "whole", "cut"))
    assert any(
        text.startswith("As served cut is no better than refusing every question, which scores 50.0 of F1")
        for text in found
    )
    assert not any("whole is no better" in text for text in found)
    assert not any("destroyed" in text for text in found)


def test_a_destroyed_model_is_named_first() -> None:
    found = list(warnings(compared(model(0.9, 0.95), model(0.2, 0.95)), "whole", "cut"))
    assert found[0].startswith(
        "Cut is destroyed: on the 100 questions that have an answer, none refused, it scores 21.0 of F1, and "
        "whole 91.0."
    )


def test_a_share_refused_that_moved_is_named() -> None:
    before, after = model(0.9, 0.95), model(0.9, 0.95)
    hidden = [
        Prediction(one.id, one.best_text, one.null_odds + 2 * (index % 4 == 0))
        for index, one in enumerate(after)
    ]
    found = compared(before, hidden)
    moved = next(figure for figure in found.figures if figure.measure == "share refused")
    assert moved.change.mean_difference > 5
    assert any(f"refuses {moved.after:.1f} % of the questions" in text for text in warnings(found))
    assert not any("refuses" in text for text in warnings(compared(before, after)))


def test_few_questions_are_named() -> None:
    found = compared(model(0.9, 1, 10), model(0.9, 1, 10), 10)
    assert any("(10) are narrower than what is known" in text for text in warnings(found))
