"""Which questions a threshold was fitted on, kept short: enough to know later ones that are among them."""

import hashlib
from collections.abc import Iterable

_KEPT = 128
"""Names that are kept, all of a set that is no larger. Where one question in twenty comes again in other questions, it
is noticed but for one time in 700."""

_DIGITS = 12
"""Of each name, hexadecimal: two questions bear one name once in 10¹⁴ pairs."""


def sample_of(questions: Iterable[str]) -> str:
    """Names of some of the `questions` (each told by all that makes it one), parted by spaces.

    The least of them, which is a draw at random, and the same one in whatever order they come.
    """
    return " ".join(sorted(_names(questions))[:_KEPT])


def shares_any(sample: str, questions: Iterable[str]) -> bool:
    """Whether one of the `questions` is in the `sample`."""
    return not _names(questions).isdisjoint(sample.split())


def _names(questions: Iterable[str]) -> set[str]:
    return {hashlib.sha256(each.encode(errors="surrogatepass")).hexdigest()[:_DIGITS] for each in questions}
