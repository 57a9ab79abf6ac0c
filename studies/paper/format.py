"""Figures put into words, for tables."""

from collections.abc import Sequence

from studies.paper.scores import Estimate

ABSENT = "–"

Row = Sequence[str]


def value(score: Estimate | None) -> str:
    """A score in percent with its interval."""
    return f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]" if score else ABSENT


def change(found: Estimate | None) -> str:
    """A difference of scores, in points, with its interval."""
    if found is None:
        return ABSENT
    return f"{signed(found.value)} [{signed(found.low)}, {signed(found.high)}]"


def signed(points: float) -> str:
    """With its sign, whatever it is."""
    return f"{points:+.1f}".replace("-", "−")


def number(figure: float | None, digits: int) -> str:
    """With so many digits after the point."""
    return ABSENT if figure is None else f"{figure:.{digits}f}"


def markdown(header: Row, rows: Sequence[Row]) -> str:
    """A table; no cell may hold a bar."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
