"""Text that others wrote, in a form that a terminal only shows: no control characters, and no end of words."""

from collections.abc import Callable
from unicodedata import category

_JOINERS = "\u200c\u200d"
LONGEST = 1000
"""Characters of a sentence: a name or a reason in it may be as long as whoever made the file liked."""


def spelled_out(text: str) -> str:
    """`text` with all that steers a terminal, hides, or cannot be written, as Python would escape it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def only_shown(text: str, escaped: Callable[[str], str] = spelled_out) -> str:
    """`text` for a reader at a terminal: what steers it or turns its direction comes `escaped`, while spaces of
    any width and the joiners that scripts and emoji are written with stay."""
    return "".join(
        one if one.isprintable() or one in _JOINERS or category(one) == "Zs" else escaped(one) for one in text
    )


def sentence_of(text: str) -> str:
    """`text` on one line of at most LONGEST characters, spelled out; what is too long loses its middle.

    It begins with what came, and ends with what to do.
    """
    line = spelled_out(" ".join(text.splitlines()))
    if len(line) <= LONGEST:
        return line
    gap = " [...] "
    end = LONGEST // 3
    return line[: LONGEST - end - len(gap)] + gap + line[-end:]
