"""The strokes that charts are made of. Lengths are in units of a chart that is WIDTH of them wide."""

from collections.abc import Sequence
from typing import Literal

from trellis.html.format import digits, fit
from trellis.html.markup import Markup, element, number
from trellis.html.scale import Scale

WIDTH = 360.0
LETTER = 6.5
"""What a letter takes of a line, in wide type."""
BOLD_LETTER = 7.2
"""The same of bold type."""

_SAMPLE, _LINE = 31.0, 16.0
"""What stands before a name in a legend, and from one line of it to the next."""

_DIGIT = 7.4
"""What a digit takes, and some air."""

Kind = Literal["baseline", "candidate", "other"]
"""Whose a figure is. Told by colour, and by shape, dash and filling: see `mark`, and the style sheet."""

Point = tuple[float, float]


def chart(label: str, height: float, *parts: Markup, above: float = 0.0) -> Markup:
    """A picture, WIDTH by `height`, with so much more `above` where y is negative.

    `label` says in words what it shows to those who do not see it.
    """
    box = f"0 {number(-above)} {number(WIDTH)} {number(above + height)}"
    return element("svg", *parts, class_="chart", role="img", aria_label=label, viewBox=box)


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: Literal["start", "middle", "end"] = "start",
    class_: str | None = None,
) -> Markup:
    """Words on one line; (`x`, `y`) is on their base line, at their `anchor`."""
    return element("text", words, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=class_)


def line(start: Point, end: Point, class_: str) -> Markup:
    """From one point to another."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)


def rect(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    """A rectangle by its upper left corner."""
    return element("rect", x=x, y=y, width=max(width, 0.0), height=height, class_=class_)


def curve(points: Sequence[Point], class_: str) -> Markup:
    """Straight from point to point."""
    return element("path", d="M" + "L".join(f"{number(x)} {number(y)}" for x, y in points), class_=class_)


def mark(at: Point, kind: Kind, *, hollow: bool = False, size: float = 4.5) -> Markup:
    """Square for the baseline, circle for a candidate, diamond for what is neither; filled or `hollow`."""
    x, y = at
    class_ = f"mark {kind}{' hollow' if hollow else ''}"
    if kind == "baseline":
        return rect(x - size, y - size, 2 * size, 2 * size, class_)
    if kind == "candidate":
        return element("circle", cx=x, cy=y, r=size, class_=class_)
    reach = 1.3 * size
    corners = [(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)]
    return element(
        "path", d="M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z", class_=class_
    )


def legend(y: float, kinds: Sequence[tuple[Kind, str]]) -> tuple[list[Markup], float]:
    """Which stroke is whose: a piece of line with its mark, then the name, of which the middle goes if need be.

    All on the line at `y` or, where names are too long for that, each on its own, the last one there; and how much
    higher that reaches than one line does.
    """
    widths = [_SAMPLE + LETTER * len(name) + 16 for _, name in kinds]
    one_line = sum(widths) - 16 <= WIDTH
    parts = []
    for index, (kind, name) in enumerate(kinds):
        x = sum(widths[:index]) if one_line else 0.0
        base = y if one_line else y - _LINE * (len(kinds) - 1 - index)
        parts += [
            line((x, base - 4), (x + 26, base - 4), f"stroke {kind}"),
            mark((x + 13, base - 4), kind),
            text(x + _SAMPLE, base, fit(name, int((WIDTH - _SAMPLE) / LETTER))),
        ]
    return parts, 0.0 if one_line else _LINE * (len(kinds) - 1)


def x_axis(
    scale: Scale, y: float, top: float, title: str, ticks: Sequence[float] | None = None
) -> list[Markup]:
    """Marks below a plot that reaches from `top` down to `y`, thin lines up through it, and what they mean."""
    parts = []
    for value in scale.ticks() if ticks is None else ticks:
        parts += [
            line((scale(value), top), (scale(value), y), "grid"),
            text(_within(scale(value), digits(value)), y + 13, digits(value), anchor="middle"),
        ]
    return [
        *parts,
        line((scale.start, y), (scale.end, y), "axis"),
        text(scale.end, y + 28, fit(title, int(scale.end / LETTER)), anchor="end"),
    ]


def _within(x: float, words: str) -> float:
    """Where the middle of the words goes that are to stand at `x`, and not beyond the picture."""
    half = _DIGIT * len(words) / 2
    return min(max(x, half), WIDTH - half)


def y_axis(
    scale: Scale, x: float, right: float, title: str, ticks: Sequence[float] | None = None
) -> list[Markup]:
    """Marks left of a plot that reaches from `x` to `right`, and what they mean, above it."""
    parts = []
    for value in scale.ticks() if ticks is None else ticks:
        parts += [
            line((x, scale(value)), (right, scale(value)), "grid"),
            text(x - 4, scale(value) + 4, digits(value), anchor="end"),
        ]
    return [*parts, text(0, scale.end - 12, title)]


PATTERNS = element(
    "svg",
    element(
        "defs",
        *(
            element(
                "pattern",
                element("path", d="M0 0V5", class_=f"hatch {kind}"),
                id=f"hatch-{kind}",
                width=5,
                height=5,
                patternUnits="userSpaceOnUse",
                patternTransform=f"rotate({turn})",
            )
            for kind, turn in (("baseline", 45), ("removed", -45))
        ),
    ),
    class_="patterns",
    width=0,
    height=0,
    aria_hidden="true",
)
"""What hatched areas are filled with; once in a document."""
