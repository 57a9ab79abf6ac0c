"""Which of several models are worth having, where two figures count."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats, by the first figure ascending; larger is better in both.

    A point beats another that it is at least level with in both figures and ahead of in one; equal points are
    both on the front.
    """
    front: list[int] = []
    best = float("-inf")
    order = sorted(range(len(points)), key=lambda index: points[index], reverse=True)
    for index in order:
        level = bool(front) and points[index] == points[front[-1]]
        if points[index][1] > best or level:
            front.append(index)
            best = points[index][1]
    return front[::-1]
