"""The chart of models by two figures, with the front of those that no other beats."""

from collections.abc import Sequence
from dataclasses import dataclass

from page.markup import Markup
from page.pareto import pareto_front
from page.scale import around
from page.svg import LETTER, WIDTH, Kind, Point, chart, curve, line, mark, text, x_axis, y_axis

LEFT, TOP, BOTTOM = 38.0, 24.0, 240.0
_AROUND = ((8.0, -7.0), (-8.0 - LETTER, -7.0), (8.0, 15.0), (-8.0 - LETTER, 15.0))


@dataclass(frozen=True)
class Model:
    """One mark: two figures, larger is better in both, the intervals where there are any, and a letter."""

    letter: str
    kind: Kind
    x: float
    y: float
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None


def letters(index: int) -> str:
    """A, B, ..., Z, AA, AB, ...: what the mark of that index (from 0) is called."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def scatter(label: str, models: Sequence[Model], *, x_title: str, y_title: str) -> Markup:
    """Marks by their figures (x by ratios). Filled ones are on the front, which is drawn as a dashed stair."""
    across = [x for each in models for x in (each.x, *(each.x_interval or ()))]
    up = [y for each in models for y in (each.y, *(each.y_interval or ()))]
    x = around(min(across), max(across), LEFT, WIDTH - 10, log=True)
    y = around(min(up), max(up), BOTTOM, TOP)
    places = [(x(each.x), y(each.y)) for each in models]
    front = pareto_front([(each.x, each.y) for each in models])
    crosses = []
    for each, (across_at, up_at) in zip(models, places, strict=True):
        if each.x_interval:
            low, high = map(x, each.x_interval)
            crosses.append(line((low, up_at), (high, up_at), "interval"))
        if each.y_interval:
            low, high = map(y, each.y_interval)
            crosses.append(line((across_at, low), (across_at, high), "interval"))
    marks = [
        mark(place, each.kind, hollow=index not in front)
        for index, (each, place) in enumerate(zip(models, places, strict=True))
    ]
    names = [
        text(*place, each.letter, class_="letter")
        for each, place in zip(models, _beside(places), strict=True)
    ]
    return chart(
        label,
        BOTTOM + 34,
        *y_axis(y, LEFT, WIDTH - 10, y_title),
        *x_axis(x, BOTTOM, TOP, x_title),
        curve(_stair([places[index] for index in front]), "front"),
        *crosses,
        *marks,
        *names,
    )


def _stair(points: Sequence[Point]) -> list[Point]:
    """The edge of what the points beat: level up to each of them, then down to the next."""
    (_, first), (last, _) = points[0], points[-1]
    stair: list[Point] = [(LEFT, first)]
    for x, y in points:
        stair += [(stair[-1][0], y), (x, y)]
    return [*stair, (last, BOTTOM)]


def _beside(places: Sequence[Point]) -> list[Point]:
    """Where each mark's letter goes: the first corner that is free of marks and of the letters so far."""
    taken = list(places)
    found: list[Point] = []
    for x, y in places:
        corners = [(x + right, y + down) for right, down in _AROUND]
        free = (
            corner
            for corner in corners
            if all(
                abs(corner[0] + LETTER / 2 - a) > 7 or abs(corner[1] - 4 - b) > 8
                for a, b in taken
                if (a, b) != (x, y)
            )
        )
        chosen = next(free, corners[0])
        found.append(chosen)
        taken.append((chosen[0] + LETTER / 2, chosen[1] - 4))
    return found
