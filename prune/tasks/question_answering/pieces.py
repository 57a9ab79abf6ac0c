"""A long text in pieces that make the tokens of the whole, so that reading it takes the memory of one of them."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from prune.tasks.question_answering.library_faults import FAILS_ON_TEXT, library_faults

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PIECE = 1 << 16
"""Characters of a piece, about; the tokenizer takes a few hundred bytes for each."""
_AROUND = 256
"""Characters on either side of a cut by which it is judged."""
_TRIES = 32
"""Cuts that are judged before another piece's length is added."""

_GAP = re.compile(r"(?<=\w)\s(?=\w)")


def pieces(backend: "Tokenizer", text: str, *, length: int = PIECE) -> Iterator[tuple[int, int]]:
    """The characters [begin, end) of each piece, in order, all of them of at least `length` but the last.

    Cuts are made where white space parts two words, and only where the text around is read alike with the cut
    and without it: same tokens, same offsets. Where there is no such place the piece goes on to the next.
    Raises InputError where the tokenizer fails.
    """
    begin = 0
    while begin < len(text):
        end = _cut(backend, text, begin + length, length)
        yield begin, end
        begin = end


def _cut(backend: "Tokenizer", text: str, least: int, length: int) -> int:
    while least < len(text):
        for found in islice(_GAP.finditer(text, least, least + length), _TRIES):
            if _is_read_alike(backend, text, found.start()):
                return found.start()
        least += length
    return len(text)


def _is_read_alike(backend: "Tokenizer", text: str, place: int) -> bool:
    begin, end = max(0, place - _AROUND), place + _AROUND
    parts = [*_tokens(backend, text, begin, place), *_tokens(backend, text, place, end)]
    return parts == _tokens(backend, text, begin, end)


def _tokens(backend: "Tokenizer", text: str, begin: int, end: int) -> list[tuple[int, int, int]]:
    """(id, first character, the one after the last) of each token."""
    with library_faults(FAILS_ON_TEXT):
        encoding = backend.encode(text[begin:end], add_special_tokens=False)
    return [
        (token, begin + first, begin + last)
        for token, (first, last) in zip(encoding.ids, encoding.offsets, strict=True)
    ]
