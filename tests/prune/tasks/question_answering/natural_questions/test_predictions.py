"""Predictions in the official form: what is written is read again, what is wrong is named."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prune.tasks.question_answering.natural_questions.answers import NqAnswer, Span
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction, from_json, to_json
from trellis.errors import InputError


def bounds(least: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(least, 10**9), st.integers(1, 99)).map(lambda two: (two[0], sum(two)))


SPANS = st.one_of(
    bounds(0).map(lambda tokens: Span(*tokens)),
    bounds(0).map(lambda page: Span(-1, -1, *page)),
    st.builds(lambda tokens, page: Span(*tokens, *page), bounds(0), bounds(0)),
)
ANSWERS = st.one_of(
    st.builds(NqAnswer, st.none() | SPANS, st.lists(SPANS, max_size=3).map(tuple)),
    st.builds(NqAnswer, st.none() | SPANS, st.just(()), st.sampled_from(["YES", "NO"])),
)
IDS = st.one_of(st.integers(-(2**63), 2**63 - 1).map(str), st.sampled_from(["x7", "007", "-0", "1.0", "é"]))
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(st.lists(st.builds(NqPrediction, IDS, ANSWERS, FINITE, FINITE)))
def test_what_is_written_is_read_again(predictions: list[NqPrediction]) -> None:
    assert from_json(json.loads(json.dumps(to_json(predictions))), "the file") == predictions


def test_the_form_is_the_official_one() -> None:
    answer = NqAnswer(Span(391, 604), (Span(555, 560),))
    prediction = NqPrediction("-2226525965842375672", answer, 13.5, 26.4)
    assert to_json([prediction]) == {
        "predictions": [
            {
                "example_id": -2226525965842375672,
                "long_answer": {"start_byte": -1, "end_byte": -1, "start_token": 391, "end_token": 604},
                "long_answer_score": 13.5,
                "short_answers": [{"start_byte": -1, "end_byte": -1, "start_token": 555, "end_token": 560}],
                "short_answers_score": 26.4,
                "yes_no_answer": "NONE",
            }
        ]
    }


def made(**changes: Any) -> dict[str, Any]:
    """A file with one prediction, some of whose fields are changed; None removes one."""
    entry = {"example_id": 1, "long_answer_score": 1, "short_answers_score": 2.5, "yes_no_answer": "yes"}
    return {"predictions": [{key: value for key, value in (entry | changes).items() if value is not None}]}


def test_what_is_absent_is_no_answer() -> None:
    assert from_json(made(), "it") == [NqPrediction("1", NqAnswer(yes_no="YES"), 1.0, 2.5)]
    nothing = {"start_byte": -1, "end_byte": -1, "start_token": -1, "end_token": -1}
    null = made(yes_no_answer=None, long_answer=nothing, short_answers=[nothing, nothing])
    assert from_json(null, "it") == [NqPrediction("1", NqAnswer(), 1.0, 2.5)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], r"it is \[\]; expected an object"),
        ({}, "it has no 'predictions'"),
        ({"predictions": [3]}, r"predictions\[0\] is 3; expected an object"),
        (made(example_id=None), r"predictions\[0\] has no 'example_id'"),
        (made(long_answer_score=None), "'long_answer_score' is None; expected a finite number"),
        (made(short_answers_score=float("nan")), "'short_answers_score' is nan"),
        (made(short_answers_score=10**400), "'short_answers_score' is 1000"),
        (made(short_answers_score=True), "'short_answers_score' is True"),
        (made(short_answers=[{"start_token": 1, "end_token": 2}]), "both short answers and YES"),
        (made(yes_no_answer="perhaps"), "expected YES, NO or NONE"),
        (made(long_answer={"start_token": 1}), "'long_answer' has no 'end_token'"),
        (made(long_answer={"start_token": 1, "end_token": -1}), "begins at token 1 and ends before token -1"),
        (
            made(long_answer={"start_token": 1, "end_token": 2, "start_byte": 9, "end_byte": 9}),
            "begins at byte 9 and ends before byte 9",
        ),
    ],
)
def test_what_is_wrong_is_named(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_json(data, "it")
