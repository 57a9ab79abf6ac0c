"""A long stream in pieces that fit the memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def chunks(
    items: Iterable[Item], size_of: Callable[[Item], int], *, most: int, most_size: int
) -> Iterator[list[Item]]:
    """Lists of at most `most` items, ended as soon as their sizes add up to `most_size`; none is empty.

    Where `items` raises an error, what came before it is handed over first.
    """
    chunk: list[Item] = []
    size = 0
    remaining = iter(items)
    while True:
        try:
            item = next(remaining)
        except StopIteration:
            break
        except Exception:
            if chunk:
                yield chunk
            raise
        chunk.append(item)
        size += size_of(item)
        if len(chunk) >= most or size >= most_size:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
