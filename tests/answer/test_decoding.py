"""Spans and their shares: the best is best_spans's, the rest is what counting by hand gives."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_tokenizers

from answer.answers import Answer, Span
from answer.decoding import decode
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.spans import best_spans, span_scores
from prune.tasks.question_answering.windows import Window, make_windows
from trellis.errors import InputError

SIZES = {"max_length": 24, "stride": 6, "max_question_length": 6}
TOKENIZERS = [
    tiny_tokenizers.wordpiece(),
    tiny_tokenizers.byte_level(),
    tiny_tokenizers.byte_level(trim_offsets=False),
    tiny_tokenizers.metaspace(),
]
contexts = st.lists(
    st.sampled_from(["Ada Birch", "pruned", "the old pear tree", "🌳🌳", " \n ", "côté", "1871."]),
    max_size=12,
).map(" ".join)


def logits_for(windows: list[Window], seed: int, step: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Random logits, in multiples of `step`: a large one makes ties."""
    generator = np.random.default_rng(seed)
    drawn = [generator.normal(0, 2, (2, len(window.input_ids) + 3)) for window in windows]
    return tuple([np.round(pair[row] / step) * step for pair in drawn] for row in (0, 1))  # type: ignore[return-value]


def decoded(
    questions: list[Question], windows: list[Window], logits: Any, *, top_k: int = 1, threshold: float = 0.0
) -> list[Answer]:
    read = zip(windows, *logits, strict=True)
    return decode(questions, read, max_answer_length=4, null_threshold=threshold, top_k=top_k)


@given(
    texts=st.lists(contexts, min_size=1, max_size=3),
    tokenizer=st.sampled_from(TOKENIZERS),
    seed=st.integers(0, 99),
    step=st.sampled_from([1e-9, 1.0]),
)
@settings(deadline=None, max_examples=60)
def test_the_best_is_that_of_best_spans(texts: list[str], tokenizer: Any, seed: int, step: float) -> None:
    questions = [Question(f"q{index}", "Who?", text) for index, text in enumerate(texts)]
    windows = make_windows(questions, tokenizer, **SIZES)
    logits = logits_for(windows, seed, step)
    expected = best_spans(questions, zip(windows, *logits, strict=True), max_answer_length=4)
    for mine, theirs, question in zip(
        decoded(questions, windows, logits, threshold=0.5), expected, questions, strict=True
    ):
        assert (mine.id, mine.null_odds) == (theirs.id, theirs.null_odds)
        assert mine.text == theirs.answer(0.5) == (question.context[mine.start : mine.end])
        best = mine.best or Span("", -1, -1, 0.0, 0.0)
        assert (best.text, best.start) == (theirs.best_text, theirs.best_start)


@given(context=contexts, tokenizer=st.sampled_from(TOKENIZERS), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_the_others_are_what_counting_gives(context: str, tokenizer: Any, seed: int) -> None:
    question = Question("q", "Who?", context)
    windows = make_windows([question], tokenizer, **SIZES)
    starts, ends = logits_for(windows, seed, 1e-9)
    scores: dict[tuple[int, int], float] = {}
    for window, start, end in zip(windows, starts, ends, strict=True):
        for first in range(len(window.input_ids)):
            for last in range(first, min(first + 4, len(window.input_ids))):
                if window.offsets[first, 0] >= 0 and window.offsets[last, 0] >= 0:
                    place = int(window.offsets[first, 0]), int(window.offsets[last, 1])
                    scores[place] = max(scores.get(place, -math.inf), start[first] + end[last])
    (found,) = decoded([question], windows, (starts, ends), top_k=10_000)
    assert {(span.start, span.end): span.score for span in found.spans} == pytest.approx(scores)
    assert [span.score for span in found.spans] == sorted(scores.values(), reverse=True)
    assert all(context[span.start : span.end] == span.text for span in found.spans)
    null = min(start[0] + end[0] for start, end in zip(starts, ends, strict=True))
    everything = sum(math.exp(score) for score in scores.values()) + math.exp(null)
    assert found.null_probability == pytest.approx(math.exp(null) / everything)
    assert sum(span.probability for span in found.spans) + found.null_probability == pytest.approx(1)
    (fewer,) = decoded([question], windows, (starts, ends), top_k=2)
    assert fewer.spans == found.spans[:2]


@given(
    texts=st.lists(contexts, min_size=1, max_size=3),
    tokenizer=st.sampled_from(TOKENIZERS),
    stride=st.sampled_from([0, 6, 12]),
    seed=st.integers(0, 99),
    step=st.sampled_from([1e-9, 0.5, 4.0]),
    top_k=st.sampled_from([1, 2, 50]),
)
@settings(deadline=None, max_examples=100)
def test_one_window_at_a_time_is_as_all_of_them_at_once(
    texts: list[str], tokenizer: Any, stride: int, seed: int, step: float, top_k: int
) -> None:
    questions = [Question(f"q{index}", "Who?", text * 3) for index, text in enumerate(texts)]
    windows = make_windows(questions, tokenizer, **SIZES | {"stride": stride})
    logits = logits_for(windows, seed, step)
    for index, found in enumerate(decoded(questions, windows, logits, top_k=top_k)):
        places = [place for place, window in enumerate(windows) if window.question == index]
        spans, null, everything = all_at_once(windows, logits, places)
        assert [(one.score, one.start, one.end) for one in found.spans] == spans[:top_k]
        assert found.null_odds == null - (spans[0][0] if spans else -math.inf)
        assert found.null_probability == pytest.approx(math.exp(null - everything), rel=1e-9)
        for one in found.spans:
            assert one.probability == pytest.approx(math.exp(one.score - everything), rel=1e-9)


def all_at_once(
    windows: list[Window], logits: Any, places: list[int]
) -> tuple[list[tuple[float, int, int]], float, float]:
    """All spans of those windows, (score, start, end) and the best first, with the score of "no answer" and the log
    of the sum of exp over everything: kept whole, as memory allows for a text as short as these."""
    scores, begins, ends, nulls = [], [], [], []
    for place in places:
        window, start, end = windows[place], logits[0][place], logits[1][place]
        length = len(window.input_ids)
        table = span_scores(start[:length], end[:length], window.offsets[:, 0] >= 0, 4)
        first, extent = np.nonzero(table > -np.inf)
        scores.append(table[first, extent])
        begins.append(window.offsets[first, 0])
        ends.append(window.offsets[first + extent, 1])
        nulls.append(float(start[0] + end[0]))
    columns = [np.concatenate(column) for column in (scores, begins, ends)]
    kept: dict[tuple[int, int], float] = {}
    for row in np.argsort(-columns[0], kind="stable").tolist():
        kept.setdefault((int(columns[1][row]), int(columns[2][row])), float(columns[0][row]))
    spans = [(score, begin, end) for (begin, end), score in kept.items()]
    return spans, min(nulls), float(np.logaddexp.reduce([*kept.values(), min(nulls)]))


def test_a_refused_question_says_nothing_and_keeps_its_spans() -> None:
    question = Question("q", "Who?", "Ada Birch")
    windows = make_windows([question], TOKENIZERS[0], **SIZES)
    logits = logits_for(windows, 0, 1e-9)
    (said,) = decoded([question], windows, logits, threshold=99.0)
    (refused,) = decoded([question], windows, logits, threshold=-99.0)
    assert (said.refused, said.text, said.spans) == (
        False,
        said.best.text if said.best else "",
        refused.spans,
    )
    assert said.probability == said.spans[0].probability
    assert (refused.refused, refused.text, refused.start, refused.end) == (True, "", -1, -1)
    assert refused.probability == refused.null_probability
    assert refused.to_dict() == {
        "answer": "",
        "start": -1,
        "end": -1,
        "probability": refused.null_probability,
        "null_odds": refused.null_odds,
        "refused": True,
    }
    assert said.to_dict(with_spans=True)["spans"][0]["text"] == said.text


def test_at_the_threshold_it_is_said() -> None:
    question = Question("q", "Who?", "Ada Birch")
    windows = make_windows([question], TOKENIZERS[0], **SIZES)
    logits = logits_for(windows, 0, 1e-9)
    (found,) = decoded([question], windows, logits)
    (again,) = decoded([question], windows, logits, threshold=found.null_odds)
    assert not again.refused


def test_no_context_is_refused_whatever_the_threshold() -> None:
    question = Question("q", "Who?", " ")
    windows = make_windows([question], TOKENIZERS[0], **SIZES)
    (found,) = decoded([question], windows, logits_for(windows, 0, 1.0), threshold=1e30)
    assert (found.refused, found.spans, found.null_odds, found.probability) == (True, (), math.inf, 1.0)
    assert found.to_dict()["null_odds"] is None


def test_logits_that_are_no_numbers_are_refused() -> None:
    question = Question("q7", "Who?", "Ada")
    windows = make_windows([question], TOKENIZERS[0], **SIZES)
    starts, ends = logits_for(windows, 0, 1.0)
    for value in (np.nan, np.inf, -np.inf, 1e300):  # two of the last would not be finite together
        ends[0][1] = value
        with pytest.raises(InputError, match="not finite numbers for question 'q7'"):
            decoded([question], windows, (starts, ends))
