"""The chart of estimates with their intervals, one below the other, beside a value that would mean no difference."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis.html.format import fit
from trellis.html.markup import Markup
from trellis.html.scale import Scale, around
from trellis.html.svg import BOLD_LETTER, LETTER, WIDTH, Point, chart, line, mark, text, x_axis

_ROW, _HEADING = 34.0, 22.0
_ROOM = WIDTH / LETTER
_RATIO, _POINTS = 2.0, 4.0
"""What the axis spans at least, of ratios or of points: a small difference is to look like one."""


@dataclass(frozen=True)
class Estimate:
    """One row: a figure, from where to where its interval reaches, and how both read."""

    label: str
    value: float
    low: float
    high: float
    reading: str

    def differs_from(self, reference: float) -> bool:
        """Whether the interval leaves the reference out."""
        return not self.low <= reference <= self.high


def intervals(
    label: str,
    groups: Sequence[tuple[str | None, Sequence[Estimate]]],
    *,
    reference: float,
    axis: str,
    log: bool = False,
) -> Markup:
    """Estimates by group, each group below its heading. Filled marks: the interval leaves `reference` out."""
    rows = [row for _, each in groups for row in each]
    lows, highs = [row.low for row in rows], [row.high for row in rows]
    low, high = min(reference, *lows), max(reference, *highs)
    scale = around(low, high, 8, WIDTH - 8, log=log, least=_RATIO if log else _POINTS)
    parts: list[Markup] = []
    y = 4.0
    for heading, each in groups:
        if heading:
            y += _HEADING
            parts.append(text(0, y - 6, fit(heading, int(WIDTH / BOLD_LETTER)), class_="heading"))
        for row in each:
            parts += _row(row, scale, y, reference)
            y += _ROW
    return chart(label, y + 34, *x_axis(scale, y, y, axis), *parts)


def _row(row: Estimate, scale: Scale, y: float, reference: float) -> list[Markup]:
    middle = y + 23
    ends: tuple[Point, Point] = ((scale(row.low), middle), (scale(row.high), middle))
    # Upright lines stay between the lines of words: through a minus or a 1 they would change what is read.
    upright = [(scale(value), "grid") for value in scale.ticks()] + [(scale(reference), "reference")]
    return [
        *(line((x, middle - 6), (x, middle + 9), class_) for x, class_ in upright),
        text(8, y + 13, fit(row.label, int(_ROOM - len(row.reading)) - 4)),
        text(WIDTH - 8, y + 13, row.reading, anchor="end", class_="reading"),
        line(*ends, "interval"),
        *(line((x, middle - 4), (x, middle + 4), "interval") for x, _ in ends),
        mark((scale(row.value), middle), "candidate", hollow=not row.differs_from(reference)),
    ]
