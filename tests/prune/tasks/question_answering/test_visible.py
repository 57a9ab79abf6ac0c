"""No answer begins or ends inside what people see as one character, and none has white space around it."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_tokenizers
from transformers import PreTrainedTokenizerFast

from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.spans import best_spans
from prune.tasks.question_answering.visible import Visible
from prune.tasks.question_answering.windows import make_windows

WHOLE = {"max_length": 4096, "stride": 0, "max_question_length": 8}
WRITINGS = {
    "accent": "Beyonce\u0301",
    "two accents": "a\u0323\u0302",
    "devanagari": "हिन्दी",
    "thai": "ที่นี่กำ",
    "arabic": "مُحَمَّد",
    "hebrew": "שָׁלוֹם",
    "family": "👩\u200d👩\u200d👧",
    "variation selector": "❤\ufe0f",
    "skin": "👍🏽",
    "flag": "🇳🇱",
    "keycap": "1\ufe0f\u20e3",
    "jamo": "\u1100\u1161\u11a8",
}
KINDS = {
    "wordpiece": cache(tiny_tokenizers.wordpiece),
    "byte-level": cache(tiny_tokenizers.byte_level),
    "precompiled": cache(tiny_tokenizers.precompiled),
}
pieces = st.sampled_from(
    [*WRITINGS.values(), "\u0301", "\u200d", "\ufe0f", " ", "\n", "\r\n", "\u00a0", "a", "Ada", "\ud800"]
)
texts = st.lists(pieces, max_size=10).map("".join)


def edges(text: str) -> set[int]:
    return {0, *(found.end() for found in regex.finditer(r"\X", text))}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writing", WRITINGS)
def test_the_answer_is_whole(kind: str, writing: str) -> None:
    wanted = WRITINGS[writing]
    context = f"Then {wanted} came."
    asked = Question("q", "Who?", context, (Answer(wanted, 5),))
    tokenizer = KINDS[kind]()
    (window,) = make_windows([asked], tokenizer, **WHOLE)
    assert window.offsets[window.start_position][0] == 5
    assert window.offsets[window.end_position][1] == 5 + len(wanted)
    start, end = np.zeros((2, len(window.input_ids)))
    start[window.start_position] = end[window.end_position] = 9
    (found,) = best_spans([asked], [(window, start, end)], max_answer_length=100)
    assert (found.best_text, found.best_start) == (wanted, 5)


@given(text=texts, cut=st.tuples(st.integers(0, 60), st.integers(0, 60)))
@settings(max_examples=400, deadline=None)
def test_a_stretch_grows_to_whole_clusters_and_shrinks_to_what_shows(text: str, cut: tuple[int, int]) -> None:
    start, end = sorted(min(place, len(text)) for place in cut)
    ((found_start, found_end),) = Visible(text)(np.array([[start, end]], np.int32)).tolist()
    if found_start < 0:
        assert start == end or not grown(text, start, end).strip()
        return
    assert text[found_start:found_end] == grown(text, start, end).strip()
    assert found_start <= start or text[start:found_start].isspace()
    assert found_end >= end or text[found_end:end].isspace()


def grown(text: str, start: int, end: int) -> str:
    places = sorted(edges(text))
    first = max(place for place in places if place <= start)
    return text[first : min(place for place in places if place >= end)]


@pytest.mark.parametrize("kind", KINDS)
@given(text=texts.filter(lambda text: "\ud800" not in text))
@settings(max_examples=60, deadline=None)
def test_no_token_ends_inside_a_cluster(kind: str, text: str) -> None:
    (window,) = make_windows([Question("", "Who?", text)], KINDS[kind](), **WHOLE)
    white_space_inside = {place for place in range(len(text)) if text[place].isspace()}
    allowed = edges(text) | white_space_inside | {place + 1 for place in white_space_inside}
    spans = [span for span in window.offsets.tolist() if span[0] >= 0]
    assert {place for span in spans for place in span} <= allowed
    assert all(one[0] <= other[0] and one[1] <= other[1] for one, other in pairwise(spans))


@pytest.mark.parametrize("build", KINDS.values())
def test_where_there_are_no_clusters_nothing_changes(build: Callable[[], PreTrainedTokenizerFast]) -> None:
    context = "Côté sud: Ada Birch (1871)\r\n trained\u00a0it — 剪枝 ﬁrmly."
    tokenizer = build()
    (window,) = make_windows([Question("", "Who?", context)], tokenizer, **WHOLE)
    offsets = tokenizer("Who?", context, return_offsets_mapping=True)["offset_mapping"]
    for mine, (start, end) in zip(window.offsets.tolist(), offsets, strict=True):
        assert mine[0] < 0 or context[mine[0] : mine[1]] == context[start:end].strip()
