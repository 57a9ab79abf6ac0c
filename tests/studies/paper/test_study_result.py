import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune.tasks.question_answering.natural_questions.compare import AnswerAccuracy, NqAccuracy
from prune.tasks.question_answering.natural_questions.metrics import AnswerScore
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.compare import compare
from studies.paper.scores import difference
from studies.paper.study_result import accuracy_in, read_study_results, study_result_in
from studies.store import read_store
from trellis.errors import InputError


def test_scores_of_squad_are_those_that_the_comparison_gives() -> None:
    context = "the cat sat on a mat in Rome"
    questions = [
        Question("0", "who", context, (Answer("the cat", 0),)),
        Question("1", "where", context, (Answer("in Rome", 21),)),
        Question("2", "why", context),
        Question("3", "when", context),
    ]
    texts, odds = ("the cat sat", "on a mat", "Rome", "Rome"), (-3.0, 2.0, 1.0, -1.0)
    predictions = [
        Prediction(question.id, text, odd) for question, text, odd in zip(questions, texts, odds, strict=True)
    ]
    compared = compare(questions, predictions, predictions, Habit(0.0, 0.5))
    found, unrefused = compared.after, compared.figures[-1]
    scores = accuracy_in(json.loads(json.dumps(asdict(found))))
    assert found.score.best_f1 is not None
    assert scores["f1"].value == pytest.approx(found.score.best_f1, abs=1e-4)
    assert scores["has_answer_f1"].value == pytest.approx(unrefused.after, abs=1e-4)
    assert (scores["f1"].num_questions, scores["has_answer_f1"].num_questions) == (4, 2)


def test_scores_of_natural_questions_are_those_that_the_comparison_gives() -> None:
    generator = np.random.default_rng(0)

    def answers() -> AnswerAccuracy:
        has, given = generator.random((2, 60)) < 0.6
        right = has & given & (generator.random(60) < 0.7)
        f1 = 200 * float(right.sum()) / float(has.sum() + given.sum())
        columns = (tuple(column.tolist()) for column in (has, given, right))
        return AnswerAccuracy(AnswerScore(f1, 0.0, 0.0, 0.0), *columns)

    first, second = (NqAccuracy(answers(), answers(), 0.0, 60) for _ in range(2))
    ours, theirs = (accuracy_in(json.loads(json.dumps(asdict(each)))) for each in (first, second))
    assert list(ours) == ["long_f1", "short_f1"]
    for measure, before, after in (
        ("long_f1", second.long, first.long),
        ("short_f1", second.short, first.short),
    ):
        assert ours[measure].value == pytest.approx(after.score.f1)
        found = difference(ours[measure], theirs[measure])
        assert found.value == pytest.approx(after.score.f1 - before.score.f1, abs=1e-4)
        assert found.low < found.value < found.high


def test_a_stored_cell_is_read_whole(put, store: Path) -> None:
    put("l0-1-1", (1, 0, 1, 1), (1, 0.5))
    (cell,) = read_study_results(store).values()
    assert (cell.name, cell.part, cell.encoder, cell.removed) == ("l0-1-1", "point", None, (0, 0))
    assert {measure: score.value for measure, score in cell.after.items()} == {"f1": 75, "has_answer_f1": 75}
    assert {measure: score.value for measure, score in cell.before.items()} == {"f1": 75, "has_answer_f1": 50}


def test_a_measure_without_questions_is_left_out() -> None:
    assert list(accuracy_in({"f1_by_question": [1, 0], "unrefused_f1_by_question": []})) == ["f1"]


def _without(key: str) -> Any:
    return lambda cell: cell["found"].pop(key)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without("accuracy"), "holds no accuracy"),
        (_without("shape"), "model shape is a NoneType"),
        (lambda cell: cell["found"]["accuracy"].pop("after"), "holds no after"),
        (lambda cell: cell["found"]["shape"]["num_heads"].append(1), "names 3 layers"),
        (lambda cell: cell["found"]["shape"].update(num_heads=[9, 9]), "asks for num_heads 9"),
        (lambda cell: cell["found"]["accuracy"]["after"].update(f1_by_question=["1"]), "other than numbers"),
        (lambda cell: cell["found"]["accuracy"]["after"].update(f1_by_question=[70.2]), "other than numbers"),
        (lambda cell: cell["found"]["accuracy"].update(after={"long": {}}), "holds no has_answer"),
        (
            lambda cell: cell["found"]["accuracy"].update(
                after={"long": {"has_answer": [1], "attempted": [1], "correct": [1, 0]}}
            ),
            "not as many right as given",
        ),
        (lambda cell: cell["found"].update(encoder={"model_type": "bert"}), "encoder description"),
    ],
)
def test_a_damaged_cell_is_one_error_that_names_it(put, store: Path, damage, said: str) -> None:
    put("l0-1-1")
    cell = read_store(store)["l0-1-1"]
    damage(cell)
    with pytest.raises(InputError, match=f"^The stored cell l0-1-1 is damaged: .*{said}"):
        study_result_in(cell)
