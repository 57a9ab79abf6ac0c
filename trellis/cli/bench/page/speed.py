"""The speed-ups, each with its interval."""

from collections.abc import Sequence

from bench.result.point import Point
from trellis.cli.bench.page.names import Compared, baseline_of
from trellis.html.blocks import Section, beside, figure, grouped_table, warnings
from trellis.html.format import interval, times
from trellis.html.intervals import Estimate, intervals
from trellis.html.markup import join


def speed_section(compared: Sequence[Compared]) -> Section:
    """All operating points of all comparisons, in one chart and one table."""
    groups = [(each.title, [_estimate(point) for point in each.points]) for each in compared]
    said = "; ".join(f"{title}, {row.label}: {row.reading}" for title, rows in groups for row in rows)
    picture = intervals(
        f"Speed-ups with their 95 % intervals. {said}.",
        groups,
        reference=1.0,
        axis=f"× as fast as {baseline_of(compared)}",
        log=True,
    )
    caption = (
        "The median time of the baseline over that of the candidate, in neighbouring turns, and its 95 % interval. "
        f"Dotted line: as fast as {baseline_of(compared)}. A filled mark: the interval leaves that out; a hollow one: "
        "no significant difference."
    )
    headings = (
        "at",
        "as fast as the baseline",
        "95 % interval",
        "verdict",
        "launches",
        "blocks",
        "multiply-adds",
    )
    told = warnings(warning for each in compared for warning in each.warnings_of_speed)
    rows = [(each.title, [_row(point) for point in each.points]) for each in compared]
    return Section(
        "speed",
        "Speed-up",
        join([told, beside(figure(picture, caption), grouped_table("Speed-ups", headings, rows))]),
    )


def _estimate(point: Point) -> Estimate:
    found = point.speedup
    reading = f"{times(found.estimate)} ({interval(found.low, found.high, found.estimate)})"
    return Estimate(point.where, found.estimate, found.low, found.high, reading)


def _row(point: Point) -> tuple[str, ...]:
    found = point.speedup
    return (
        point.where,
        ("⚠ " if point.warnings else "") + times(found.estimate),
        interval(found.low, found.high, found.estimate),
        found.verdict,
        str(found.launches),
        str(found.blocks),
        f"{times(point.multiply_add_ratio)} fewer",
    )
