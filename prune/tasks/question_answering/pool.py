"""Windows in batches of like lengths while only a few of them are in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.windows import Window

POOL = 1024
"""At most so many windows wait for others of their length."""

Divide = Callable[[Sequence[int]], list[list[int]]]
"""(lengths in tokens) → batches of indices into them, the longest first, those of one length in their order."""


def pooled(windows: Iterable[Window], divide: Divide, *, most: int = POOL) -> Iterator[list[Window]]:
    """Batches that hold each window once.

    Windows of one question come in the order of its context, as they went in: none of them is longer than one
    before it. Where there are no more than `most` in all, the batches are those of `divide`; of more, the last
    batch of a pool waits for company from the next.
    """
    remaining = iter(windows)
    waiting: list[Window] = []
    while True:
        waiting += islice(remaining, most - len(waiting))
        batches = [
            [waiting[index] for index in batch]
            for batch in divide([len(window.input_ids) for window in waiting])
        ]
        if len(waiting) < most:
            yield from batches
            return
        ready = batches[:-1] or batches
        waiting = [window for batch in batches[len(ready) :] for window in batch]
        yield from ready


class Pace:
    """How many windows there are: exactly once all have been made, before that judged by the text read."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._before = [0]
        """Characters of the contexts before each question's."""
        for question in questions:
            self._before.append(self._before[-1] + len(question.context))
        self._made, self._read, self._are_all = 0, 0, False

    def watch(self, windows: Iterable[Window]) -> Iterator[Window]:
        """The same windows, counted."""
        for window in windows:
            self._made += 1
            self._read = self._before[window.question] + int(window.offsets.max(initial=0))
            yield window
        self._are_all = True

    @property
    def total(self) -> int:
        """Windows in all."""
        if self._are_all:
            return self._made
        return max(self._made, round(self._made * self._before[-1] / max(1, self._read)))
