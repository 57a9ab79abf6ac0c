from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.windows import (
    NULL_POSITION,
    Window,
    batches,
    collate,
    make_windows,
    pad_token_id_of,
)
from trellis.errors import InputError

SIZES = {"max_length": 32, "stride": 6, "max_question_length": 8}
WHOLE = {"max_length": 4096, "stride": 0, "max_question_length": 8}

words = st.sampled_from(
    ["The", "old", "pear", "tree,", "Ada", "(1871)", "pruned.", "côté", "🌳🌳", "—", "wall's"]
)
spaces = st.sampled_from([" ", "  ", "\n", "\t ", "\u00a0"])
texts = st.lists(st.tuples(words, spaces), min_size=1, max_size=60).map(
    lambda parts: "".join(word + space for word, space in parts)
)


def question(context: str, answer: str | None = None, text: str = "Who pruned it?") -> Question:
    answers = () if answer is None else (Answer(answer, context.index(answer)),)
    return Question("q", text, context, answers)


def in_context(window: Window) -> np.ndarray:
    return window.offsets[window.offsets[:, 0] >= 0]


def _specials(tokenizer: PreTrainedTokenizerFast) -> int:
    return tokenizer.num_special_tokens_to_add(pair=True)


def same(one: list[Window], other: list[Window]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a.input_ids, b.input_ids) and np.array_equal(a.offsets, b.offsets)
        for a, b in zip(one, other, strict=True)
    )


@given(context=texts)
@settings(max_examples=30, deadline=None)
def test_every_context_token_is_in_some_window(tokenizer: PreTrainedTokenizerFast, context: str) -> None:
    (whole,) = make_windows([question(context)], tokenizer, **WHOLE)
    windows = make_windows([question(context)], tokenizer, **SIZES)
    found = {tuple(span) for window in windows for span in in_context(window).tolist()}
    assert found == {tuple(span) for span in in_context(whole).tolist()}
    # Nothing that can be seen is left out, and each token stands for visible text without its surroundings.
    covered = {character for start, end in found for character in range(start, end)}
    assert covered >= {i for i, character in enumerate(context) if not character.isspace()}
    assert all(context[start:end] == context[start:end].strip() != "" for start, end in found)


@given(context=texts)
@settings(max_examples=30, deadline=None)
def test_neighbours_share_the_stride(tokenizer: PreTrainedTokenizerFast, context: str) -> None:
    windows = make_windows([question(context, text="Ada")], tokenizer, **SIZES)
    lengths = [len(window.input_ids) for window in windows]
    assert set(lengths[:-1]) <= {SIZES["max_length"]}
    assert lengths[-1] <= SIZES["max_length"]
    before = len(tokenizer("Ada", add_special_tokens=False)["input_ids"]) + _specials(tokenizer) - 1
    for one, following in pairwise(windows):
        tail, head = one.input_ids[:-1][-SIZES["stride"] :], following.input_ids[before:][: SIZES["stride"]]
        assert np.array_equal(tail, head)


@given(context=texts, data=st.data())
@settings(max_examples=60, deadline=None)
def test_positions_point_at_the_annotated_answer(
    tokenizer: PreTrainedTokenizerFast, context: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    answer = context[start : data.draw(st.integers(start + 1, min(start + 20, len(context))))]
    asked = Question("q", "Who?", context, (Answer(answer, start), Answer(context[0], 0)))
    (whole,) = make_windows([asked], tokenizer, **WHOLE)
    visible = answer.strip()
    if not visible:
        assert (whole.start_position, whole.end_position) == (NULL_POSITION, NULL_POSITION)
        return
    begin = start + answer.index(visible)
    spans = {tuple(whole.offsets[whole.start_position]), tuple(whole.offsets[whole.end_position])}
    first, last = whole.offsets[whole.start_position], whole.offsets[whole.end_position]
    # The tokens enclose the answer, and no token at either end could be spared.
    assert first[0] <= begin < first[1]
    assert last[0] < begin + len(visible) <= last[1]
    held = 0
    for window in make_windows([asked], tokenizer, **SIZES):
        if window.start_position == NULL_POSITION:
            assert window.end_position == NULL_POSITION
            shown = in_context(window)
            assert not len(shown) or shown[0][0] > begin or shown[-1][1] < begin + len(visible)
        else:
            held += 1
            ends = {tuple(window.offsets[window.start_position]), tuple(window.offsets[window.end_position])}
            assert ends == spans
    if whole.end_position - whole.start_position < SIZES["stride"]:
        assert held, "an answer no longer than the overlap is whole in some window"


@given(
    parts=st.lists(st.sampled_from(["Ada", "the", "pear", "tree", "1871"]), min_size=3, max_size=50),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_an_answer_of_whole_words_is_found_exactly(
    tokenizer: PreTrainedTokenizerFast, parts: list[str], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(parts) - 2))
    before, answer = " ".join(parts[:first]), " ".join(parts[first : first + 2])
    start = len(before) + 1 if before else 0
    asked = Question("q", "Who?", " ".join(parts), (Answer(answer, start),))
    for window in make_windows([asked], tokenizer, **SIZES):
        if window.start_position != NULL_POSITION:
            begin, end = window.offsets[window.start_position][0], window.offsets[window.end_position][1]
            assert (begin, asked.context[begin:end]) == (start, answer)


def test_windows_are_those_of_transformers(tokenizer: PreTrainedTokenizerFast) -> None:
    contexts = ["The old pear tree was trained.  Ada Birch pruned it, 1871. " * n for n in (1, 4, 9)]
    asked = [question(context) for context in contexts]
    windows = make_windows(asked, tokenizer, max_length=60, stride=20, max_question_length=20)
    expected = tokenizer(
        [one.question for one in asked],
        contexts,
        max_length=60,
        stride=20,
        truncation="only_second",
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    assert [window.input_ids.tolist() for window in windows] == expected["input_ids"]
    assert [window.question for window in windows] == expected["overflow_to_sample_mapping"]
    types = [window.token_type_ids for window in windows]
    if "token_type_ids" in tokenizer.model_input_names:
        assert [row.tolist() for row in types if row is not None] == expected["token_type_ids"]
    else:
        assert types == [None] * len(windows)
    for row, window in enumerate(windows):
        for token, sequence in enumerate(expected.sequence_ids(row)):
            start, end = expected["offset_mapping"][row][token]
            piece = contexts[window.question][start:end].strip() if sequence == 1 else ""
            mine = window.offsets[token]
            assert (contexts[window.question][mine[0] : mine[1]] if mine[0] >= 0 else "") == piece


@given(text=st.text(min_size=0, max_size=60) | texts)
@settings(max_examples=60, deadline=None)
def test_no_question_is_too_long(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    windows = make_windows([question("The old pear tree " * 12, text=text)], tokenizer, **SIZES)
    for window in windows:
        assert len(window.input_ids) <= SIZES["max_length"]
        asked = int(np.nonzero(window.offsets[:, 0] >= 0)[0][0])
        assert asked <= SIZES["max_question_length"] + _specials(tokenizer) - 1


def test_a_long_question_keeps_its_beginning(wordpiece: PreTrainedTokenizerFast) -> None:
    (cut,) = make_windows([question("Ada", text="pear " * 20)], wordpiece, **SIZES)
    (fitting,) = make_windows([question("Ada", text="pear " * 8)], wordpiece, **SIZES)
    pieces = len(wordpiece("pear", add_special_tokens=False)["input_ids"])
    assert np.array_equal(
        cut.input_ids[: 1 + 8 // pieces * pieces], fitting.input_ids[: 1 + 8 // pieces * pieces]
    )


def test_an_answer_of_half_a_window_is_null_there(wordpiece: PreTrainedTokenizerFast) -> None:
    context = "tree " * 30 + "1871. " + "tree " * 30
    windows = make_windows([question(context, "1871.")], wordpiece, **SIZES)
    holding = [window.start_position != NULL_POSITION for window in windows]
    assert 1 <= sum(holding) < len(windows)
    for window in windows:
        begin, end = window.offsets[window.start_position][0], window.offsets[window.end_position][1]
        assert context[begin:end] == ("1871." if window.start_position else "")


def test_characters_that_the_tokenizer_drops_do_not_hide_an_answer(
    wordpiece: PreTrainedTokenizerFast,
) -> None:
    context = "\u0007Ada Birch\u0007"
    (window,) = make_windows([question(context, context)], wordpiece, **WHOLE)
    begin, end = window.offsets[window.start_position][0], window.offsets[window.end_position][1]
    assert context[begin:end] == "Ada Birch"


def test_the_tokenizers_own_truncation_and_padding_play_no_part(byte_level: PreTrainedTokenizerFast) -> None:
    asked = [question("Ada Birch pruned the pear tree. " * 6)]
    before = make_windows(asked, byte_level, **SIZES)
    backend = byte_level.backend_tokenizer
    backend.enable_truncation(12, stride=2)
    backend.enable_padding(length=128)
    state = backend.to_str()
    try:
        assert same(make_windows(asked, byte_level, **SIZES), before)
        assert backend.to_str() == state
    finally:
        backend.no_truncation()
        backend.no_padding()


def test_special_tokens_in_a_text_are_text(byte_level: PreTrainedTokenizerFast) -> None:
    (window,) = make_windows([question("Ada </s> <pad> <s> Birch", "</s> <pad>")], byte_level, **WHOLE)
    ids = window.input_ids.tolist()
    assert (ids.count(byte_level.cls_token_id), ids.count(byte_level.pad_token_id)) == (1, 0)
    assert window.start_position < window.end_position


def test_a_context_of_spaces_has_no_context_token(tokenizer: PreTrainedTokenizerFast) -> None:
    (window,) = make_windows([question(" \n ")], tokenizer, **SIZES)
    assert (window.offsets == -1).all()


def test_no_questions_no_windows(tokenizer: PreTrainedTokenizerFast) -> None:
    assert make_windows([], tokenizer, **SIZES) == []


def test_sizes_that_leave_no_room_are_refused(wordpiece: PreTrainedTokenizerFast) -> None:
    with pytest.raises(
        InputError, match="Windows of 64 tokens with questions of up to 30 leave the context 31, which"
    ):
        make_windows([question("x")], wordpiece, max_length=64, stride=31, max_question_length=30)
    assert make_windows([question("x")], wordpiece, max_length=64, stride=30, max_question_length=30)


def test_tokenizers_that_will_not_do_are_refused(wordpiece: PreTrainedTokenizerFast) -> None:
    from tokenizers import Tokenizer, processors

    class Slow:
        is_fast = False

    slow: Any = Slow()
    with pytest.raises(InputError, match="The tokenizer Slow is not a fast one"):
        make_windows([question("x")], slow)
    backend = Tokenizer.from_str(wordpiece.backend_tokenizer.to_str())
    backend.post_processor = processors.TemplateProcessing(
        single="$A [SEP]", pair="$A [SEP] $B:1 [SEP]:1", special_tokens=[("[SEP]", 3)]
    )
    bare = PreTrainedTokenizerFast(tokenizer_object=backend)
    with pytest.raises(InputError, match="puts no special token before the question"):
        make_windows([question("x")], bare)
    with pytest.raises(InputError, match="has no padding token"):
        pad_token_id_of(bare)
    assert pad_token_id_of(wordpiece) == 0


def test_collate_pads_on_the_right(
    wordpiece: PreTrainedTokenizerFast, byte_level: PreTrainedTokenizerFast
) -> None:
    asked = [question("Ada Birch pruned it.", "Birch"), question("Ada", "Ada")]
    windows = make_windows(asked, wordpiece, **SIZES)
    batch = collate(windows, 77)
    long, short = (len(window.input_ids) for window in windows)
    assert long > short
    assert batch.input_ids.shape == batch.attention_mask.shape == (2, long)
    assert batch.input_ids[1].tolist() == windows[1].input_ids.tolist() + [77] * (long - short)
    assert batch.attention_mask[1].tolist() == [1] * short + [0] * (long - short)
    assert batch.token_type_ids is not None
    assert batch.token_type_ids[1, short:].tolist() == [0] * (long - short)
    assert batch.labels["start_positions"].tolist() == [window.start_position for window in windows]
    assert batch.labels["end_positions"].tolist() == [window.end_position for window in windows]
    assert {array.dtype for array in batch.inputs().values()} == {np.dtype(np.int64)}
    assert list(batch.inputs()) == ["input_ids", "attention_mask", "token_type_ids"]
    assert list(collate(make_windows(asked, byte_level, **SIZES), 1).inputs()) == [
        "input_ids",
        "attention_mask",
    ]


def test_batches_hold_every_window_once_longest_first(wordpiece: PreTrainedTokenizerFast) -> None:
    windows = make_windows([question("tree " * (7 * n % 11 + 1)) for n in range(10)], wordpiece, **SIZES)
    seen, widths = [], []
    for indices, batch in batches(windows, 3, 0):
        seen += indices
        widths.append(batch.input_ids.shape[1])
        assert batch.attention_mask.sum(1).tolist() == [len(windows[index].input_ids) for index in indices]
    assert sorted(seen) == list(range(len(windows)))
    assert widths == sorted(widths, reverse=True)
