import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.html.pareto import pareto_front


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(1, 1)], [0]),
        ([(1, 3), (2, 2), (3, 1)], [0, 1, 2]),
        ([(3, 1), (1, 3), (2, 2)], [1, 2, 0]),
        ([(1, 1), (2, 2)], [1]),
        ([(1, 2), (2, 2)], [1]),  # level in one figure, behind in the other
        ([(2, 1), (2, 2)], [1]),
        ([(1, 3), (2, 1), (3, 2)], [0, 2]),
        ([(1, 1), (1, 1)], [0, 1]),  # neither beats the other
        ([(1, -0.5), (2, -0.5), (1.5, -3)], [1]),
    ],
)
def test_closed_cases(points: list[tuple[float, float]], front: list[int]) -> None:
    found = pareto_front(points)
    assert sorted(found) == sorted(front)
    assert [points[index][0] for index in found] == sorted(points[index][0] for index in front)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_no_other_beats(points: list[tuple[int, int]]) -> None:
    def beaten(index: int) -> bool:
        x, y = points[index]
        return any(a >= x and b >= y and (a, b) != (x, y) for a, b in points)

    assert sorted(pareto_front(points)) == [index for index in range(len(points)) if not beaten(index)]
