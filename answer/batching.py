"""Which windows to run together: like lengths, so that little is padding, and no more tokens than a budget."""

from collections.abc import Sequence

MAX_BATCH_TOKENS = 4096
"""Tokens in one batch, padding included: the memory that it takes grows with them."""
MAX_PADDING = 0.125
"""Share of a row that may be padding; what is shorter comes into a batch of its own."""


def batches_by_length(
    lengths: Sequence[int], *, max_tokens: int = MAX_BATCH_TOKENS, max_padding: float = MAX_PADDING
) -> list[list[int]]:
    """Indices into `lengths`, longest first, in batches; each index stands in just one of them.

    Rows times the longest of them is at most `max_tokens`, and none is shorter than (1 - `max_padding`) of
    the longest. One that is longer than `max_tokens` by itself is a batch by itself.
    """
    batches: list[list[int]] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        current = batches[-1] if batches else []
        full = (len(current) + 1) * longest > max_tokens
        if not current or full or lengths[index] < longest * (1 - max_padding):
            longest = lengths[index]
            batches.append([index])
        else:
            current.append(index)
    return batches
