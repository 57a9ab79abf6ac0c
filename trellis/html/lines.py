"""The chart of figures that change with something: time over length, or share over time."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis.html.markup import Markup
from trellis.html.scale import Scale, around
from trellis.html.svg import WIDTH, Kind, Point, chart, curve, legend, mark, x_axis, y_axis

LEFT, TOP, BOTTOM = 38.0, 40.0, 216.0
_HEIGHT = BOTTOM + 34


@dataclass(frozen=True)
class Series:
    """One curve, and the points of it that carry marks."""

    kind: Kind
    name: str
    points: Sequence[Point]
    marked: Sequence[Point] | None = None
    """None: every point."""


def lines(
    label: str,
    series: Sequence[Series],
    *,
    x_title: str,
    y_title: str,
    x_ticks: Sequence[float] | None = None,
    y_scale: Scale | None = None,
    y_ticks: Sequence[float] | None = None,
) -> Markup:
    """Curves over an axis of ratios; the upright axis is of ratios too, unless `y_scale` is given."""
    points = [point for each in series for point in each.points]
    across, up = [x for x, _ in points], [y for _, y in points]
    x = around(min(across), max(across), LEFT, WIDTH - 10, log=True)
    y = y_scale or around(min(up), max(up), BOTTOM, TOP, log=True)
    curves = [curve([(x(a), y(b)) for a, b in each.points], f"stroke {each.kind}") for each in series]
    marks = [
        mark((x(a), y(b)), each.kind)
        for each in series
        for a, b in (each.points if each.marked is None else each.marked)
    ]
    names, above = legend(12, [(each.kind, each.name) for each in series])
    return chart(
        label,
        _HEIGHT,
        *y_axis(y, LEFT, WIDTH - 10, y_title, y_ticks),
        *x_axis(x, BOTTOM, TOP, x_title, x_ticks),
        *curves,
        *marks,
        *names,
        above=above,
    )
