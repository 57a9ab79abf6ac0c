"""A long text in pieces is the text: same tokens, same windows, whichever tokenizer reads it."""

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_tokenizers
from support.real_data import REAL_DATA, REAL_MODEL, needs_real_data, needs_real_model
from transformers import AutoTokenizer

from prune.tasks.question_answering import windows as windows_module
from prune.tasks.question_answering.pieces import pieces
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.reader import Reader, reader_of
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.question_answering.windows import Window, Windower

READERS = {
    "wordpiece": reader_of(tiny_tokenizers.wordpiece()),
    "no types": reader_of(tiny_tokenizers.wordpiece(has_token_types=False)),
    "byte level": reader_of(tiny_tokenizers.byte_level()),
    "untrimmed": reader_of(tiny_tokenizers.byte_level(trim_offsets=False)),
    "metaspace": reader_of(tiny_tokenizers.metaspace()),
    "unigram": reader_of(tiny_tokenizers.unigram()),
}
WORDS = ["Ada", "Birch,", "1871.", "the", "old", "pear", "\n", "\n\n", "  ", "\t", "côté", "cafe\u0301", "🌳🌳",
         "剪枝 梨", "\u3000", "</s>", "[SEP]", "x" * 120, "\x07", "\u0600", "'s", "-", "\u200b",
         "\ufeff", "한국"]  # fmt: skip
SIZES = {"max_length": 40, "stride": 11, "max_question_length": 12}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def make_small(patch: pytest.MonkeyPatch) -> None:
    """Every text is a long one, of short pieces."""
    patch.setattr(windows_module, "_LONG", 0)
    patch.setattr(windows_module, "pieces", lambda backend, text: pieces(backend, text, length=300))


def text(seed: int, words: int) -> str:
    generator = random.Random(seed)
    return "".join(
        generator.choice(WORDS) + generator.choice(["", " ", " ", " ", "\n"]) for _ in range(words)
    )


def read(reader: Reader, context: str, places: Iterator[tuple[int, int]]) -> list[tuple[int, int, int]]:
    found = []
    for begin, end in places:
        encoding = reader.backend.encode(context[begin:end], add_special_tokens=False)
        found += [
            (token, begin + first, begin + last)
            for token, (first, last) in zip(encoding.ids, encoding.offsets, strict=True)
        ]
    return found


@pytest.mark.parametrize("name", READERS)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 400))
@settings(deadline=None, max_examples=15)
def test_the_tokens_are_those_of_the_whole(name: str, seed: int, length: int) -> None:
    context, reader = text(seed, 200), READERS[name]
    places = list(pieces(reader.backend, context, length=length))
    assert "".join(context[begin:end] for begin, end in places) == context
    assert all(end - begin >= length for begin, end in places[:-1])
    assert read(reader, context, iter(places)) == read(reader, context, iter([(0, len(context))]))


@pytest.mark.parametrize("name", READERS)
def test_ordinary_text_is_cut(name: str) -> None:
    context = "Ada Birch trained the old pear tree in 1871, and her sons pruned it.\n" * 200
    lengths = [end - begin for begin, end in pieces(READERS[name].backend, context, length=1000)]
    assert len(lengths) == 14
    assert max(lengths[:-1]) < 1100


def test_where_nothing_parts_two_words_it_is_one_piece() -> None:
    context = "剪枝梨" * 1000
    assert list(pieces(READERS["wordpiece"].backend, context, length=100)) == [(0, 3000)]
    assert list(pieces(READERS["wordpiece"].backend, "", length=100)) == []


def same(one: list[Window], other: list[Window]) -> None:
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert (mine.question, mine.start_position, mine.end_position, mine.is_last) == (
            theirs.question, theirs.start_position, theirs.end_position, theirs.is_last
        )  # fmt: skip
        np.testing.assert_array_equal(mine.input_ids, theirs.input_ids)
        np.testing.assert_array_equal(mine.offsets, theirs.offsets)
        assert mine.offsets.dtype == theirs.offsets.dtype == mine.input_ids.dtype == np.int32
        assert (mine.token_type_ids is None) == (theirs.token_type_ids is None)
        if mine.token_type_ids is not None and theirs.token_type_ids is not None:
            np.testing.assert_array_equal(mine.token_type_ids, theirs.token_type_ids)
            assert mine.token_type_ids.dtype == theirs.token_type_ids.dtype


def asked() -> list[Question]:
    made = [Question(str(seed), f"Who {seed}?", text(seed, 1 + seed**2)) for seed in range(14)]
    long = "pear tree " * 300 + "Ada Birch " + "pear tree " * 300
    return [
        *made,
        Question("annotated", "Who?", long, (Answer("Ada Birch", 3000),)),
        Question("one window", "Who?", "Ada " * 5),
        Question("nothing", "Who?", ""),
        Question("white", "", " \n" * 900),
        Question("long", "pear " * 50, long),
    ]


@pytest.mark.parametrize("name", READERS)
def test_windows_are_those_of_the_library(name: str) -> None:
    windower = Windower.of(READERS[name], **SIZES)
    expected = windower.windows(asked())
    assert any(window.start_position and not window.is_last for window in expected)
    assert sum(window.is_last for window in expected) == len(asked())
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        same(windower.windows(asked()), expected)


@pytest.mark.slow
@needs_real_data
@needs_real_model
@pytest.mark.usefixtures("small")
def test_windows_of_real_text(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = dict.fromkeys(one.context for one in read_squad(str(REAL_DATA / "squad" / "dev.json")))
    question = [Question("q", "Who was the first king?", "\n".join(contexts))]
    windower = Windower.of(
        AutoTokenizer.from_pretrained(REAL_MODEL), max_length=384, stride=128, max_question_length=64
    )
    found = windower.windows(question)
    monkeypatch.setattr(windows_module, "_LONG", 1 << 30)
    same(found, windower.windows(question))
    assert len(found) > 90
