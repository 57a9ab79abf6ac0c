"""From logits to answers in the document's tokens."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import natural

from prune.tasks.question_answering.natural_questions.answers import Gold, NqAnswer, Span
from prune.tasks.question_answering.natural_questions.decode import decode
from prune.tasks.question_answering.natural_questions.documents import read_documents
from prune.tasks.question_answering.natural_questions.passages import Passage, passage_of
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.windows import Window
from trellis.errors import InputError

NONE = (-1, -1)


@pytest.fixture
def passage(tmp_path: Path) -> Passage:
    (document,) = read_documents(natural.saved(tmp_path / "a.jsonl", natural.simplified()))
    return passage_of(document)


def window(passage: Passage, words: range, index: int = 0) -> Window:
    """CLS, one token of question, SEP, the words, SEP."""
    ends = [*(passage.starts[1:] - 1).tolist(), len(passage.question.context)]
    offsets = [(int(passage.starts[word]), ends[word]) for word in words]
    both = np.array([NONE, NONE, NONE, *offsets, NONE], np.int32)
    return Window(index, np.zeros(len(both), np.int32), None, both, 0, 0)


def logits(size: int, **values: float) -> NDArray[np.float64]:
    """Zeros, but for the places named t0, t1, ..."""
    array = np.zeros(size)
    for name, value in values.items():
        array[int(name[1:])] = value
    return array


def test_the_answer_is_in_tokens_of_the_document(passage: Passage) -> None:
    # Words 13 and 14 are "and Will", tokens 24 to 26, within the table.
    cut = window(passage, range(18))
    start, end = logits(22, t0=0.5, t16=3), logits(22, t0=1, t17=2)
    (found,) = decode([passage], [(cut, start, end)])
    assert found == NqPrediction("4", NqAnswer(Span(17, 32), (Span(24, 26),)), 3.5, 3.5)


def test_windows_are_compared_by_what_they_have_over_their_own_cls(passage: Passage) -> None:
    first, second = window(passage, range(9)), window(passage, range(9, 18))
    starts = [logits(13, t0=4, t4=5), logits(13, t0=-1, t7=2)]
    ends = [logits(13, t0=4, t5=5), logits(13, t0=-1, t8=2)]
    (found,) = decode([passage], zip([first, second], starts, ends, strict=True))
    assert found.answer.short == (Span(24, 26),)
    assert (found.long_score, found.short_score) == (6, 6)


def test_of_equals_the_first_window_wins_and_passages_keep_their_own(passage: Passage) -> None:
    cuts = [window(passage, range(9), 1), window(passage, range(9, 18), 1), window(passage, range(9, 18), 0)]
    flat = [np.zeros(13)] * 3
    first, second = decode([passage, passage], zip(cuts, flat, flat, strict=True))
    assert first.answer.short == (Span(20, 21),)
    assert second.answer.short == (Span(7, 8),)


def test_a_span_across_candidates_is_no_long_answer(passage: Passage) -> None:
    (found,) = decode([passage], [(window(passage, range(18)), logits(22, t11=5), logits(22, t12=5))])
    assert found.answer == NqAnswer(None, (Span(15, 21),))


def test_nothing_to_read_is_no_answer(passage: Passage) -> None:
    empty = window(passage, range(0))
    (found,) = decode([passage], [(empty, logits(4, t1=9), logits(4, t1=9))])
    assert found == NqPrediction("4", NqAnswer(), 0, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(passage: Passage, value: float) -> None:
    cut = window(passage, range(2))
    with pytest.raises(InputError, match="not finite numbers for question '4'"):
        decode([passage], [(cut, logits(6, t1=value), np.zeros(6))])
    padded = logits(8, t7=value)
    decode([passage], [(cut, padded, padded)])


MADE = Passage(
    Question("m", "?", "a b c d e f g h"),
    Gold("m", ()),
    (Span(0, 30), Span(30, 100)),
    np.arange(8) * 10,
    np.arange(8) * 2,
)
"""Words at tokens 0, 10, 20, ..."""


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_it_is_the_best_of_all_spans_of_all_windows(begins: list[int], longest: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    cuts = [window(MADE, range(begin, min(begin + 4, 8))) for begin in begins]
    starts = [generator.normal(size=len(cut.input_ids)) for cut in cuts]
    ends = [generator.normal(size=len(cut.input_ids)) for cut in cuts]
    (found,) = decode([MADE], zip(cuts, starts, ends, strict=True), max_answer_length=longest)
    every = [
        (start[first - begin + 3] + end[last - begin + 3] - start[0] - end[0], first, last)
        for begin, start, end in zip(begins, starts, ends, strict=True)
        for first in range(begin, min(begin + 4, 8))
        for last in range(first, min(begin + 4, 8, first + longest))
    ]
    best, first, last = max(every)
    assert found.answer.short == (Span(10 * first, 10 * last + 1),)
    assert found.short_score == pytest.approx(best)
    within = [span for span in MADE.candidates if span.start <= 10 * first and 10 * last < span.end]
    assert found.answer.long == (within[0] if within else None)
