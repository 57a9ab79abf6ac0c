"""Windows that wait for others of their length: each comes once, those of a question in order, few at a time."""

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prune.tasks.question_answering.pool import Pace, pooled
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.windows import Window, longest_first

shapes = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=30)


def windows(shapes: list[tuple[int, int]], most: int = 40) -> Iterator[Window]:
    """Of each question so many full windows, and a last one of some length."""
    for question, (full, last) in enumerate(shapes):
        for place, length in enumerate([*[most] * full, last]):
            offsets = np.array([[10 * place, 10 * place + 10]], np.int32)
            yield Window(question, np.zeros(length, np.int32), None, offsets, place, place, place == full)


@given(shapes=shapes, size=st.integers(1, 7), most=st.integers(1, 50))
def test_every_window_once_and_those_of_a_question_in_order(
    shapes: list[tuple[int, int]], size: int, most: int
) -> None:
    alive, highest = 0, 0

    def counted() -> Iterator[Window]:
        nonlocal alive, highest
        for window in windows(shapes):
            alive += 1
            highest = max(highest, alive)
            yield window

    seen: dict[int, list[int]] = {}
    for batch in pooled(counted(), lambda lengths: longest_first(lengths, size), most=most):
        assert 1 <= len(batch) <= size
        for window in batch:
            seen.setdefault(window.question, []).append(window.start_position)
        alive -= len(batch)
    assert seen == {question: list(range(full + 1)) for question, (full, _) in enumerate(shapes)}
    assert highest <= most


@given(shapes=shapes, size=st.integers(1, 7))
def test_of_few_the_batches_are_those_of_all(shapes: list[tuple[int, int]], size: int) -> None:
    made = list(windows(shapes))
    expected = [
        [made[index] for index in each] for each in longest_first([len(w.input_ids) for w in made], size)
    ]
    found = list(pooled(iter(made), lambda lengths: longest_first(lengths, size), most=1000))
    assert [[id(w) for w in each] for each in found] == [[id(w) for w in each] for each in expected]


def test_of_one_long_text_every_batch_is_full() -> None:
    found = pooled(windows([(1000, 7)]), lambda lengths: longest_first(lengths, 6), most=64)
    assert [len(batch) for batch in found] == [6] * 166 + [5]


def test_the_number_of_windows_is_judged_and_then_known() -> None:
    questions = [Question("a", "?", "x" * 200), Question("b", "?", "x" * 100)]
    pace = Pace(questions)
    watched = pace.watch(windows([(19, 3), (9, 3)]))
    for _ in range(10):
        next(watched)
    assert pace.total == 30
    assert len(list(watched)) == 20
    assert pace.total == 30
    empty = Pace([Question("a", "?", "")])
    assert len(list(empty.watch(windows([(0, 3)])))) == empty.total == 1
