"""Where a text shows something, and where it may be cut: what turns the offsets of tokens into answers."""

import numpy as np
import regex
from numpy.typing import NDArray

Ints = NDArray[np.int32]

_WHITE_SPACE = np.array([code for code in range(0x10000) if chr(code).isspace()], np.uint32)
_CLUSTER = regex.compile(r"\X")


class Visible:
    """How far any stretch of a text grows to whole characters as people see them, and shrinks to what shows.

    A token may stand for a letter without its accent (those that strip accents drop it), for one code point of
    an emoji, or for bytes of either. What it stands for here is every grapheme cluster that it touches, so that
    no answer begins or ends inside one.
    """

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        shows = ~np.isin(codes, _WHITE_SPACE)
        places = np.arange(len(codes))
        ends = np.maximum.accumulate(np.where(shows, places + 1, 0))
        starts = np.minimum.accumulate(np.where(shows, places, len(codes))[::-1])[::-1]
        first_visible = np.append(starts, len(codes)).astype(np.int32)
        last_visible = np.insert(ends, 0, 0).astype(np.int32)
        down, up = _cluster_edges(text)
        self._starts: Ints = first_visible[down]
        """[characters + 1]: the first visible character from the cluster on that holds this one."""
        self._ends: Ints = last_visible[up]
        """[characters + 1]: the end of the last visible character before the end of the cluster that ends here,
        or that this place lies within."""

    def __call__(self, stretches: Ints) -> Ints:
        """[n, 2] characters [start, end) → the same without surrounding white space, and whole clusters;
        (-1, -1) where a stretch shows nothing."""
        starts, ends = self._starts[stretches[:, 0]], self._ends[stretches[:, 1]]
        shows = (stretches[:, 0] < stretches[:, 1]) & (starts < ends)
        return np.where(shows[:, None], np.stack((starts, ends), axis=1), np.int32(-1))


def _cluster_edges(text: str) -> tuple[Ints, Ints]:
    """For each place in the text, 0 to its length, the nearest edge of a grapheme cluster at or before it, and at
    or after it, [characters + 1] each."""
    places = np.arange(len(text) + 1, dtype=np.int32)
    if text.isascii():  # its only cluster of two characters is white space: CR and LF
        return places, places
    is_edge = np.zeros(len(text) + 1, np.bool_)
    is_edge[0] = True
    is_edge[np.fromiter((found.end() for found in _CLUSTER.finditer(text)), np.int64)] = True
    down = np.maximum.accumulate(np.where(is_edge, places, 0))
    up = np.minimum.accumulate(np.where(is_edge, places, len(text))[::-1])[::-1]
    return down.astype(np.int32), up.astype(np.int32)
