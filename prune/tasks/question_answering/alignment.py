"""Offsets that can be trusted: a normalizer that keeps to which characters of the text its own belong.

The library's `Precompiled` (XLM-RoBERTa, CamemBERT and whatever else comes from SentencePiece) loses count where
it deletes characters: before it has kept one, all offsets of that piece of text are too small by as many; after a
character that became several, the last of these is said to come from what was deleted.
"""

import json
from base64 import b64decode
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import normalizers

_MARK = "\u0301"
_JOINS_WHAT_IS_BEFORE = r"[\p{M}\p{Cf}\p{Sk}\p{Lm}\x{e33}\x{eb3}]"
_PROBED = [chr(code) for code in range(1, 0x10000) if not 0xD800 <= code < 0xE000]


def aligned(normalizer: "normalizers.Normalizer | None") -> "normalizers.Normalizer | None":
    """One that makes the same of every text and is right about where that came from.

    Before each `Precompiled` another one, which counts, deletes what that would delete.
    """
    from tokenizers import Regex, normalizers

    if isinstance(normalizer, normalizers.Sequence):
        return normalizers.Sequence([aligned(normalizer[place]) for place in range(len(normalizer))])
    if not isinstance(normalizer, normalizers.Precompiled):
        return normalizer
    pattern = _what_it_deletes(normalizer.__getstate__())
    return (
        normalizers.Sequence([normalizers.Replace(Regex(pattern), ""), normalizer]) if pattern else normalizer
    )


@lru_cache(maxsize=4)
def _what_it_deletes(state: bytes) -> str:
    """The pattern of what a `Precompiled` of that state deletes, so far as deleting it first changes nothing else."""
    from tokenizers import normalizers

    normalizer = normalizers.Precompiled(b64decode(json.loads(state)["precompiled_charsmap"]))
    deleted = [each for each in _PROBED if not normalizer.normalize_str(each)]
    if not deleted:
        return ""
    # The map is asked for whole grapheme clusters first, so that what stands in one may be kept, and what is
    # deleted between two keeps these apart.
    alone = [each for each in deleted if normalizer.normalize_str(each + _MARK) == _MARK]
    patterns = [rf"\A{_any_of(alone)}+"] * bool(alone)
    patterns += [rf"(?<!\p{{Cf}}){_any_of(deleted)}++(?!{_JOINS_WHAT_IS_BEFORE})"]
    return "|".join(patterns)


def _any_of(characters: list[str]) -> str:
    return "[" + "".join(rf"\x{{{ord(each):x}}}" for each in characters) + "]"
