"""What a model answers to Natural Questions, in files of the official form."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prune.tasks.question_answering.natural_questions.answers import (
    NqAnswer,
    answer_from_json,
    answer_to_json,
)
from prune.tasks.question_answering.natural_questions.fields import checked, entries, example_id, score
from trellis.errors import InputError

_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class NqPrediction:
    """The answer to one question, before anybody decides whether it is good enough to be given."""

    id: str
    answer: NqAnswer
    long_score: float = 0.0
    """The higher, the surer, like `short_score`; without meaning where there is no such answer."""
    short_score: float = 0.0


def to_json(predictions: Iterable[NqPrediction]) -> dict[str, Any]:
    """The official form, as plain values. Ids that are numbers are written as such, as in Google's files."""
    return {
        "predictions": [
            {
                "example_id": int(one.id) if _NUMBER.fullmatch(one.id) else one.id,
                "long_answer_score": one.long_score,
                "short_answers_score": one.short_score,
                **answer_to_json(one.answer),
            }
            for one in predictions
        ]
    }


def from_json(data: Any, place: str) -> list[NqPrediction]:
    """Inverse of `to_json`; raises InputError, naming `place`, where `data` is not in the official form."""
    return [
        _prediction(one, there) for there, one in entries(checked(data, dict, place), "predictions", place)
    ]


def _prediction(entry: dict[str, Any], place: str) -> NqPrediction:
    answer = answer_from_json(entry, place)
    if answer.short and answer.yes_no != "NONE":
        raise InputError(f"{place} has both short answers and {answer.yes_no}; expected one or the other.")
    long_score, short_score = (
        score(entry, name, place) for name in ("long_answer_score", "short_answers_score")
    )
    return NqPrediction(example_id(entry, place), answer, long_score, short_score)
