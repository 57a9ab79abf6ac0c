"""What a stored cell says of the model that came out, checked: nothing else reads what is inside a cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from prune.families.encoder import Encoder
from prune.shape import ModelShape
from studies.paper.cells import SPEED
from studies.paper.scores import Score
from studies.store import read_store
from trellis.errors import InputError

MEASURES = {
    "f1": "F1",
    "has_answer_f1": "HasAns F1",
    "long_f1": "long-answer F1",
    "short_f1": "short-answer F1",
}
"""What tasks are scored by, in percent: F1 at the best null threshold, F1 over the questions that have an answer
with none refused; of Natural Questions both kinds of answers, each at its best threshold."""

_ROUNDING = 1e-6
"""Odds are stored to six digits."""

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class StudyResult:
    """One cell."""

    name: str
    part: str
    shape: ModelShape
    original_shape: ModelShape
    encoder: Encoder | None
    """None where the cell does not say."""
    before: Mapping[str, Score]
    """By measure: the model as it went in."""
    after: Mapping[str, Score]
    """The same of the model that came out."""

    @property
    def removed(self) -> tuple[float, float]:
        """Percentages removed (of heads, of feed-forward activations)."""
        heads, ffn = self.shape.removed_from(self.original_shape)
        return 100 * heads, 100 * ffn


def read_study_results(store: Path) -> dict[str, StudyResult]:
    """All stored cells but speeds, by name. Raises InputError where there are none, or one holds something else."""
    return {
        name: study_result_in(cell) for name, cell in read_store(store).items() if cell.get("part") != SPEED
    }


def study_result_in(cell: Mapping[str, Any]) -> StudyResult:
    """One stored cell; raises InputError, naming it, where it cannot be believed."""
    name = _part(cell, "name", str)
    try:
        found = _part(cell, "found", dict)
        accuracy = _part(found, "accuracy", dict)
        shape, original = (ModelShape.from_dict(found.get(key)) for key in ("shape", "original_shape"))
        shape.check_within(original)
        return StudyResult(
            name,
            _part(cell, "part", str),
            shape,
            original,
            Encoder.from_dict(found["encoder"]) if "encoder" in found else None,
            accuracy_in(_part(accuracy, "before", dict)),
            accuracy_in(_part(accuracy, "after", dict)),
        )
    except InputError as error:
        raise InputError(f"The stored cell {name} is damaged: {error} Name another --store.") from error


def accuracy_in(accuracy: Mapping[str, Any]) -> dict[str, Score]:
    """One model's scores by measure, whatever the task; measures without questions are left out.

    Raises InputError where numbers are missing or are none.
    """
    return _natural_questions(accuracy) if "long" in accuracy else _squad(accuracy)


def _squad(accuracy: Mapping[str, Any]) -> dict[str, Score]:
    if "answered_f1_by_question" in accuracy:
        at_best, unrefused = _at_best_threshold(accuracy)
    else:  # a cell of before, which holds no odds
        at_best, unrefused = (_numbers(accuracy, f"{kind}f1_by_question") for kind in ("", "unrefused_"))
    scores = {"f1": Score.mean(at_best), "has_answer_f1": Score.mean(unrefused)}
    return {measure: score for measure, score in scores.items() if score.num_questions}


def _at_best_threshold(accuracy: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """(F1 of each question at the threshold that suits them best, F1 of those that have an answer, none refused)."""
    threshold = _part(_part(accuracy, "score", dict), "best_f1_threshold", float)
    f1 = _numbers(accuracy, "answered_f1_by_question")
    has_answer = _part(accuracy, "has_answer_by_question", list)
    odds = _part(accuracy, "null_odds_by_question", list)
    if not len(f1) == len(has_answer) == len(odds):
        raise InputError("Its answers, odds and questions are not equally many.")
    at_best = [
        float(not has) if odd is None or odd > threshold + _ROUNDING else value
        for value, has, odd in zip(f1, has_answer, odds, strict=True)
    ]
    return at_best, [value for value, has in zip(f1, has_answer, strict=True) if has]


def _natural_questions(accuracy: Mapping[str, Any]) -> dict[str, Score]:
    """F1 is twice the right answers over those given and those there are."""
    scores = {}
    for kind in ("long", "short"):
        columns = _part(accuracy, kind, dict)
        has_answer, attempted, correct = (
            np.array(_numbers(columns, key)) for key in ("has_answer", "attempted", "correct")
        )
        if not has_answer.size == attempted.size == correct.size:
            raise InputError(f"Its {kind} answers are not as many right as given as there are questions.")
        scores[f"{kind}_f1"] = Score(2 * correct, attempted + has_answer)
    return scores


def _numbers(data: Mapping[str, Any], key: str) -> list[float]:
    numbers = _part(data, key, list)
    if not all(isinstance(number, bool | int | float) and 0 <= number <= 1 for number in numbers):
        raise InputError(f"Its {key} holds something other than numbers from 0 to 1.")
    return [float(number) for number in numbers]


def _part(data: Mapping[str, Any], key: str, kind: type[Value]) -> Value:
    value = data.get(key)
    if not isinstance(value, kind):
        raise InputError(f"It holds no {key}.")
    return value
