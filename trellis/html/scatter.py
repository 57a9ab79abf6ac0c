"""The chart of models by two figures, with the front of those that no other beats."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis.html.format import fit
from trellis.html.markup import Markup
from trellis.html.pareto import pareto_front
from trellis.html.scale import around
from trellis.html.svg import LETTER, WIDTH, Kind, Point, chart, curve, line, mark, text, x_axis, y_axis

LEFT, TOP, BOTTOM = 38.0, 24.0, 240.0
_AROUND = tuple(
    (side, down) for down in (-7.0, 15.0, -19.0, 27.0, -31.0, 39.0, -43.0, 51.0) for side in (8.0, -8.0)
)
_NAME = 20
"""Letters of a name that there is room for."""
_RATIO, _POINTS = 2.0, 10.0
"""What the axes span at least: a small difference is to look like one."""

_BREAK = ((0.0, 0.0), (0.0, 4.0), (-4.0, 6.0), (4.0, 10.0), (0.0, 12.0), (0.0, 16.0))
"""At the foot of an upright axis that does not begin at 0."""


@dataclass(frozen=True)
class Model:
    """One mark: two figures, larger is better in both, the intervals where there are any, and whose it is."""

    name: str
    kind: Kind
    x: float
    y: float
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None


def scatter(label: str, models: Sequence[Model], *, x_title: str, y_title: str) -> Markup:
    """Marks by their figures (x by ratios). Filled ones are on the front, which is drawn as a dashed stair."""
    across = [x for each in models for x in (each.x, *(each.x_interval or ()))]
    up = [y for each in models for y in (each.y, *(each.y_interval or ()))]
    x = around(min(across), max(across), LEFT, WIDTH - 10, log=True, least=_RATIO)
    y = around(min(up), max(up), BOTTOM, TOP, least=_POINTS)
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
    words = [fit(each.name, _NAME) for each in models]
    names = [
        text(*place, name, class_="label")
        for name, place in zip(words, _beside(places, [LETTER * len(name) for name in words]), strict=True)
    ]
    return chart(
        label,
        BOTTOM + 34,
        *y_axis(y, LEFT, WIDTH - 10, y_title),
        *x_axis(x, BOTTOM, TOP, x_title),
        *([curve([(LEFT + a, BOTTOM - b) for a, b in _BREAK], "break")] if y.low > 0 else []),
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


def _beside(places: Sequence[Point], widths: Sequence[float]) -> list[Point]:
    """Where each mark's name of that width begins: the first place beside it that is free of marks and other names."""
    taken = [_Box(x - 6, x + 6, y - 6, y + 6) for x, y in places]
    found: list[Point] = []
    for (x, y), width in zip(places, widths, strict=True):
        starts = [(x + side if side > 0 else x + side - width, y + down) for side, down in _AROUND]
        boxes = [_Box(left, left + width, base - 9, base + 2) for left, base in starts]
        within = [
            each for each, box in zip(starts, boxes, strict=True) if box.left >= 0 and box.right <= WIDTH
        ]
        free = [
            each
            for each, box in zip(starts, boxes, strict=True)
            if each in within and not any(box.meets(other) for other in taken)
        ]
        left, base = (free or within or starts)[0]
        found.append((left, base))
        taken.append(_Box(left, left + width, base - 9, base + 2))
    return found


@dataclass(frozen=True)
class _Box:
    left: float
    right: float
    top: float
    bottom: float

    def meets(self, other: "_Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )
