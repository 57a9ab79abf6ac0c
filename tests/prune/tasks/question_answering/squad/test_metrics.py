import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.real_data import REAL_DATA, needs_real_data

from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.squad.metrics import normalize_answer, per_question, score, token_f1
from prune.tasks.question_answering.squad.reading import read_squad
from trellis.errors import InputError


def question(name: str, *answers: str) -> Question:
    return Question(name, "?", " ".join(answers) or "x", tuple(Answer(text, 0) for text in answers))


@needs_real_data
@pytest.mark.parametrize(
    ("model", "figures"),
    [
        (
            "bert",
            (78.59216255442671, 82.11367763300355, 69.72477064220183, 77.14472137351515, 86.60220994475138),
        ),
        (
            "nlnet",
            (76.34252539912917, 79.71940795578425, 70.64220183486239, 77.7574069771723, 81.49171270718232),
        ),
    ],
)
def test_equals_the_official_script_to_the_last_digit(model: str, figures: tuple[float, ...]) -> None:
    questions = read_squad(str(REAL_DATA / "squad" / "dev.json"))
    answers = json.loads((REAL_DATA / "squad" / f"predictions.{model}.json").read_text())
    result = score(questions, answers)
    exact, f1, has_answer_exact, has_answer_f1, no_answer = figures
    assert result.to_dict() == {
        "exact": exact,
        "f1": f1,
        "total": 1378,
        "has_answer_exact": has_answer_exact,
        "has_answer_f1": has_answer_f1,
        "has_answer_total": 654,
        "no_answer_exact": no_answer,
        "no_answer_f1": no_answer,
        "no_answer_total": 724,
        "best_exact": None,
        "best_exact_threshold": None,
        "best_f1": None,
        "best_f1_threshold": None,
    }


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Pear-Tree!", "peartree"),
        ("a an the", ""),
        ("Theatre an’ another", "theatre ’ another"),
        ("U.S.A.", "usa"),
        ("l'arbre\tà\n côté", "larbre à côté"),
        ("", ""),
    ],
)
def test_normalize_answer(text: str, normal: str) -> None:
    assert normalize_answer(text) == normal


@pytest.mark.parametrize(
    ("predicted", "gold", "f1"),
    [
        ("", "", 1.0),
        ("the", "", 1.0),
        ("pear", "", 0.0),
        ("", "pear", 0.0),
        ("pear tree", "The Pear", 2 / 3),
        ("old pear tree", "old apple", 0.4),
        ("pear pear", "pear", 2 / 3),
        ("plum", "pear", 0.0),
    ],
)
def test_token_f1(predicted: str, gold: str, f1: float) -> None:
    assert token_f1(predicted, gold) == pytest.approx(f1, abs=1e-15)


def test_the_best_annotation_counts_and_empty_ones_do_not() -> None:
    questions = [
        question("a", "pear tree", "pear"),
        question("b", "the", "plum"),
        question("c", "the"),
        question("d"),
    ]
    exact, f1 = per_question(questions, {"a": "Pear", "b": "", "c": "", "d": "x", "further": "ignored"})
    assert exact.tolist() == [1, 0, 1, 0]
    assert f1.tolist() == [1, 0, 1, 0]


def test_groups_without_questions_have_no_figure() -> None:
    result = score([question("a", "pear")], {"a": "pear"})
    assert (result.exact, result.has_answer_f1, result.no_answer_f1) == (100.0, 100.0, None)
    result = score([question("a")], {"a": "pear"})
    assert (result.exact, result.has_answer_f1, result.no_answer_exact) == (0.0, None, 0.0)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InputError, match="no answer to question 'a'"):
        score([question("a")], {})
    with pytest.raises(InputError, match="no null odds for question 'a'"):
        score([question("a")], {"a": ""}, {})
    with pytest.raises(InputError, match="no questions to score"):
        score([], {})


def test_best_threshold_by_hand() -> None:
    questions = [question("a", "pear"), question("b"), question("c", "plum"), question("d")]
    answers = {"a": "pear", "b": "x", "c": "plum", "d": ""}
    result = score(questions, answers, {"a": -3.0, "b": 1.0, "c": -1.0, "d": 5.0}, null_threshold=-2.0)
    assert (result.exact, result.has_answer_exact, result.no_answer_exact) == (75.0, 50.0, 100.0)
    assert (result.best_exact, result.best_exact_threshold) == (100.0, -1.0)
    # Where answering never pays, nothing is answered at the threshold.
    result = score(questions[1:2], answers, {"b": 1.0})
    assert result.best_f1 == 100.0
    assert result.best_f1_threshold is not None
    assert 0.999 < result.best_f1_threshold < 1.0


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["pear", "pear tree", "plum", ""])), min_size=1, max_size=12
    ),
    st.randoms(use_true_random=False),
)
def test_no_threshold_is_better_than_the_best(kinds: list[tuple[bool, str]], random: object) -> None:
    questions = [
        question(str(i), *(["pear"] if answerable else [])) for i, (answerable, _) in enumerate(kinds)
    ]
    answers = {str(i): text for i, (_, text) in enumerate(kinds)}
    values = list(range(len(kinds)))
    random.shuffle(values)  # type: ignore[attr-defined]
    odds = {str(i): float(value) for i, value in enumerate(values)}
    result = score(questions, answers, odds)
    tried = [score(questions, answers, odds, null_threshold=t) for t in (-math.inf, *odds.values())]
    assert result.best_f1 == pytest.approx(max(one.f1 for one in tried), abs=1e-9)
    assert result.best_exact == pytest.approx(max(one.exact for one in tried), abs=1e-9)
    reached = score(questions, answers, odds, null_threshold=result.best_f1_threshold)
    assert reached.f1 == pytest.approx(result.best_f1, abs=1e-9)


def test_figures_do_not_depend_on_how_python_adds() -> None:
    # 0.1 ten times over is 0.9999999999999999 from first to last, and 1.0 by a compensated sum.
    questions = [
        question(str(i), "a1 b1 c1 d1 e1 f1 g1 h1 i1 " + " ".join(f"w{n}" for n in range(10)))
        for i in range(10)
    ]
    value = token_f1("w0", questions[0].answers[0].text)
    expected = 0.0
    for _ in questions:
        expected += value
    assert score(questions, {q.id: "w0" for q in questions}).f1 == 100 * expected / 10
    assert np.isclose(value, 0.1)
