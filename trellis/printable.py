"""Text that others wrote, in a form that a terminal only shows: no control characters, and no end of words."""

LONGEST = 1000
"""Characters of a sentence: a name or a reason in it may be as long as whoever made the file liked."""


def spelled_out(text: str) -> str:
    """`text` with all that steers a terminal, hides, or cannot be written, as Python would escape it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


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
