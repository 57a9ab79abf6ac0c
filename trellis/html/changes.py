"""Changes of accuracy: the picture of their intervals, alike on every page."""

from collections.abc import Sequence

from trellis.html.blocks import figure
from trellis.html.intervals import Estimate, intervals
from trellis.html.markup import Markup

Groups = Sequence[tuple[str, Sequence[Estimate]]]
"""Changes in points, with intervals, below what they are of."""


def changes_figure(groups: Groups, *, axis: str, difference: str) -> Markup:
    """The intervals of all changes; nothing where there are none.

    `difference` says what is taken from what, like "After less before".
    """
    groups = [(title, rows) for title, rows in groups if rows]
    if not groups:
        return Markup()
    said = "; ".join(f"{title}, {row.label}: {row.reading}" for title, rows in groups for row in rows)
    picture = intervals(
        f"Changes of accuracy with their 95 % intervals, in points. {said}.", groups, reference=0.0, axis=axis
    )
    caption = (
        f"{difference} on the same questions, and its 95 % interval, in points. Dotted line: no change. A filled mark: "
        "the interval leaves that out."
    )
    return figure(picture, caption)


def change_of(name: str, points: float, low: float, high: float) -> Estimate:
    """The change of the measure `name`, in points, with its reading."""
    return Estimate(name, points, low, high, f"{points:+.2f} ({low:+.2f} to {high:+.2f})")
