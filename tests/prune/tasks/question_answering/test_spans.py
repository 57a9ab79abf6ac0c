import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.spans import Prediction, best_spans
from prune.tasks.question_answering.windows import Window
from trellis.errors import InputError

CONTEXT = "Ada Birch pruned the pear tree"
WORDS = [(0, 3), (4, 9), (10, 16), (17, 20), (21, 25), (26, 30)]


def window(words: list[tuple[int, int]], index: int = 0) -> Window:
    """CLS, one token of question, SEP, the words, SEP."""
    none = (-1, -1)
    offsets = np.array([none, none, none, *words, none], np.int32)
    return Window(index, np.zeros(len(offsets), np.int32), None, offsets, 0, 0)


def decode(
    windows: list[Window],
    starts: list[list[float]],
    ends: list[list[float]],
    longest: int = 30,
    number: int = 1,
) -> list[Prediction]:
    questions = [Question(f"q{index}", "?", CONTEXT) for index in range(number)]
    arrays = [[np.array(row, np.float32) for row in rows] for rows in (starts, ends)]
    return best_spans(questions, zip(windows, *arrays, strict=True), max_answer_length=longest)


def test_the_best_span_is_a_slice_of_the_context() -> None:
    start = [1, 9, 9, 0, 2, 0, 0, 0, 0, 9]
    end = [0.5, 9, 9, 0, 0, 3, 0, 0, 0, 9]
    (prediction,) = decode([window(WORDS)], [start], [end])
    assert prediction == Prediction("q0", "Birch pruned", 1.5 - 5, best_start=4)


def test_the_end_does_not_come_before_the_start() -> None:
    start = [0, 0, 0, 0, 0, 0, 0, 5, 0, 0]
    end = [0, 0, 0, 5, 0, 0, 0, 0, 1, 0]
    (prediction,) = decode([window(WORDS)], [start], [end])
    assert (prediction.best_text, prediction.null_odds) == ("pear tree", -6)


@pytest.mark.parametrize(("longest", "text"), [(6, CONTEXT), (5, "Ada"), (1, "Ada")])
def test_answers_are_no_longer_than_asked(longest: int, text: str) -> None:
    start = [0, 0, 0, 5, 0, 0, 0, 0, 0, 0]
    end = [0, 0, 0, 1, 0, 0, 0, 0, 5, 0]
    (prediction,) = decode([window(WORDS)], [start], [end], longest)
    assert prediction.best_text == text


def test_no_answer_is_scored_where_it_is_least_likely() -> None:
    start = [[8, 0, 0, 1, 0], [2, 0, 0, 3, 0]]
    end = [[8, 0, 0, 0, 0], [1, 0, 0, 0, 0]]
    (prediction,) = decode([window(WORDS[:1]), window(WORDS[1:2])], start, end)
    assert prediction == Prediction("q0", "Birch", 3 - 3, best_start=4)


def test_of_equals_the_first_earliest_shortest_wins() -> None:
    flat = [0.0] * 5
    (prediction,) = decode([window(WORDS[1:2]), window(WORDS[:1])], [flat, flat], [flat, flat])
    assert prediction.best_text == "Birch"
    (prediction,) = decode([window(WORDS)], [[0.0] * 10], [[0.0] * 10])
    assert prediction.best_text == "Ada"


def test_windows_go_to_their_own_questions_and_padding_is_not_looked_at() -> None:
    rows = [[0, 0, 0, 1, 0, 99], [0, 0, 0, 1, 0, np.nan]]
    predictions = decode([window(WORDS[:1], 1), window(WORDS[1:2], 0)], rows, rows, number=2)
    assert [(one.id, one.best_text, one.null_odds) for one in predictions] == [
        ("q0", "Birch", -2),
        ("q1", "Ada", -2),
    ]


def test_a_window_without_context_counts_for_no_answer_alone() -> None:
    (prediction,) = decode(
        [window([]), window(WORDS[:1])], [[1, 9, 9, 9], [4, 0, 0, 1, 0]], [[1, 9, 9, 9], [4, 0, 0, 1, 0]]
    )
    assert prediction == Prediction("q0", "Ada", 2 - 2, best_start=0)
    (prediction,) = decode([window([])], [[1, 9, 9, 9]], [[1, 9, 9, 9]])
    assert prediction == Prediction("q0", "", math.inf, best_start=-1)
    assert prediction.answer(1e30) == ""


@pytest.mark.parametrize(("threshold", "text"), [(0.9, ""), (1.0, "Ada"), (1.1, "Ada")])
def test_odds_above_the_threshold_refuse(threshold: float, text: str) -> None:
    assert Prediction("q", "Ada", 1.0).answer(threshold) == text


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="not finite numbers for question 'q0'"):
        decode([window(WORDS[:1])], [[0, 0, 0, 1, 0]], [[0, 0, value, 1, 0]])


@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_equals_trying_every_span(seed: int, words: int, longest: int) -> None:
    # Few distinct values, so that ties are frequent.
    rng = np.random.default_rng(seed)
    windows = [window(WORDS[:words]), window(WORDS[6 - words :])]
    starts, ends = (rng.integers(-2, 3, (2, words + 4)).tolist() for _ in range(2))
    (prediction,) = decode(windows, starts, ends, longest)
    best, text, begin = -math.inf, "", -1
    for one, start, end in zip(windows, starts, ends, strict=True):
        for first in range(3, 3 + words):
            for last in range(first, min(first + longest, 3 + words)):
                if start[first] + end[last] > best:
                    best = start[first] + end[last]
                    begin = one.offsets[first, 0]
                    text = CONTEXT[begin : one.offsets[last, 1]]
    null = min(start[0] + end[0] for start, end in zip(starts, ends, strict=True))
    assert prediction == Prediction("q0", text, null - best, begin)
