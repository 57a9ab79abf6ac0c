"""The chart of estimates with their intervals, one below the other, beside a value that would mean no difference."""

from collections.abc import Sequence
from dataclasses import dataclass

from page.markup import Markup
from page.scale import Scale, around
from page.svg import LETTER, WIDTH, Point, chart, line, mark, text, x_axis
from page.words import fit

_ROW, _HEADING = 34.0, 22.0
_ROOM = WIDTH / LETTER


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
    scale = around(min(reference, *lows), max(reference, *highs), 8, WIDTH - 8, log=log)
    parts: list[Markup] = []
    y = 4.0
    for heading, each in groups:
        if heading:
            y += _HEADING
            parts.append(text(0, y - 6, fit(heading, int(_ROOM)), class_="heading"))
        for row in each:
            parts += _row(row, scale, y, reference)
            y += _ROW
    dividing = line((scale(reference), 4), (scale(reference), y), "reference")
    return chart(label, y + 34, *x_axis(scale, y, 4, axis), dividing, *parts)


def _row(row: Estimate, scale: Scale, y: float, reference: float) -> list[Markup]:
    middle = y + 23
    ends: tuple[Point, Point] = ((scale(row.low), middle), (scale(row.high), middle))
    return [
        text(8, y + 13, fit(row.label, int(_ROOM - len(row.reading)) - 4)),
        text(WIDTH - 8, y + 13, row.reading, anchor="end", class_="reading"),
        line(*ends, "interval"),
        *(line((x, middle - 4), (x, middle + 4), "interval") for x, _ in ends),
        mark((scale(row.value), middle), "candidate", hollow=not row.differs_from(reference)),
    ]
