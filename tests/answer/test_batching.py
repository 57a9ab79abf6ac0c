"""Batches by length: every window once, within the budget, with little padding."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answer.batching import batches_by_length
from answer.chunks import chunks

lengths = st.lists(st.integers(1, 400), max_size=60)


@given(lengths=lengths, max_tokens=st.integers(1, 2000), max_padding=st.floats(0, 0.99))
def test_every_window_once_within_the_budget(lengths: list[int], max_tokens: int, max_padding: float) -> None:
    batches = batches_by_length(lengths, max_tokens=max_tokens, max_padding=max_padding)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        longest, shortest = max(lengths[index] for index in batch), min(lengths[index] for index in batch)
        assert len(batch) == 1 or len(batch) * longest <= max_tokens
        assert shortest >= longest * (1 - max_padding)


@given(lengths=lengths, max_tokens=st.integers(1, 2000), max_padding=st.floats(0, 0.99))
def test_a_batch_ends_only_where_it_must(lengths: list[int], max_tokens: int, max_padding: float) -> None:
    batches = batches_by_length(lengths, max_tokens=max_tokens, max_padding=max_padding)
    assert [lengths[index] for batch in batches for index in batch] == sorted(lengths, reverse=True)
    for batch, following in pairwise(batches):
        longest, next_length = lengths[batch[0]], lengths[following[0]]
        assert (len(batch) + 1) * longest > max_tokens or next_length < longest * (1 - max_padding)


def test_an_example() -> None:
    assert batches_by_length([10, 100, 95, 60, 98], max_tokens=250, max_padding=0.1) == [
        [1, 4],
        [2],
        [3],
        [0],
    ]
    assert batches_by_length([], max_tokens=1) == []
    assert batches_by_length([500, 500], max_tokens=100) == [[0], [1]]


@given(sizes=st.lists(st.integers(0, 50), max_size=40), most=st.integers(1, 9), most_size=st.integers(1, 99))
def test_chunks_hold_everything_in_order(sizes: list[int], most: int, most_size: int) -> None:
    pieces = list(chunks(iter(sizes), lambda size: size, most=most, most_size=most_size))
    assert [size for piece in pieces for size in piece] == sizes
    for piece in pieces:
        assert 1 <= len(piece) <= most
        assert sum(piece[:-1]) < most_size
    for piece in pieces[:-1]:
        assert len(piece) == most or sum(piece) >= most_size


def test_what_came_before_an_error_is_handed_over() -> None:
    def fails():
        yield from (1, 2, 3)
        raise RuntimeError("the fourth")

    pieces = chunks(fails(), lambda size: size, most=2, most_size=100)
    assert [next(pieces), next(pieces)] == [[1, 2], [3]]
    with pytest.raises(RuntimeError, match="the fourth"):
        next(pieces)


def test_no_more_is_read_than_a_chunk_needs() -> None:
    read = []
    pieces = chunks((read.append(n) or n for n in range(10)), lambda size: 1, most=3, most_size=100)
    next(pieces)
    assert read == [0, 1, 2]
