"""How long calls take, by batch and length."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.workload import ROLES, Role
from trellis.cli.bench.page.distribution import seconds_of
from trellis.cli.bench.page.names import Compared
from trellis.html.bars import Pair, bars
from trellis.html.blocks import Section, figure, gallery, grouped_table, warnings
from trellis.html.format import digits, milliseconds
from trellis.html.lines import Series, lines
from trellis.html.markup import Markup, join

_HEADINGS = (
    "at",
    "model",
    "p50 ms",
    "p90 ms",
    "p95 ms",
    "p99 ms",
    "longest ms",
    "timed",
    "per second",
    "10⁹ multiply-adds",
    "of peak",
)

Point = Mapping[str, Any]


def latency_section(compared: Sequence[Compared], disturbed: Sequence[str] = ()) -> Section:
    """What `disturbed` the times, curves where batch or length was swept, bars where not, a table of all figures."""
    pictures = gallery(picture for each in compared for picture in _pictures(each))
    rows = [(each.title, [_row(point, role) for point in each.points for role in ROLES]) for each in compared]
    found = grouped_table("Latency", _HEADINGS, rows, names=2)
    return Section("latency", "Latency by batch and length", join([warnings(disturbed), pictures, found]))


def _pictures(compared: Compared) -> Iterator[Markup]:
    points = [point for point in compared.points if _swept(point)]
    if len({point["candidate"]["load"]["seq"] for point in points}) > 1:
        kept, varied = "batch", "seq"
    else:
        kept, varied = "seq", "batch"
    others = [point for point in compared.points if not _swept(point)]
    for value in sorted({point["candidate"]["load"][kept] for point in points}):
        facet = [point for point in points if point["candidate"]["load"][kept] == value]
        if len(facet) > 1:
            yield _curves(compared, facet, kept, varied, value)
        else:
            others += facet
    if others:
        yield _bars(compared, others)


def _swept(point: Point) -> bool:
    """Whether a timed unit is one call, whose batch and length can be an axis."""
    return all("batch" in point[role]["load"] for role in ROLES)


_WORDS = {"batch": ("batch", "sequences in a call"), "seq": ("seq", "tokens in a sequence")}


def _curves(compared: Compared, points: Sequence[Point], kept: str, varied: str, value: int) -> Markup:
    points = sorted(points, key=lambda point: int(point["candidate"]["load"][varied]))
    sizes = [point["candidate"]["load"][varied] for point in points]
    series = [
        Series(
            role, role, [(size, 1000 * point[role]["p50"]) for size, point in zip(sizes, points, strict=True)]
        )
        for role in ROLES
    ]
    at = f"{compared.title}, {_WORDS[kept][0]} {value}"
    said = "; ".join(_said(point) for point in points)
    picture = lines(
        f"Median latency. {at}: {said}.",
        series,
        x_title=_WORDS[varied][1],
        y_title="median, ms a call",
        x_ticks=sizes,
    )
    return figure(picture, f"{at}: median latency; both axes are of ratios.")


def _bars(compared: Compared, points: Sequence[Point]) -> Markup:
    pairs = [Pair(point["where"], *(1000 * point[role]["p50"] for role in ROLES)) for point in points]
    said = "; ".join(_said(point) for point in points)
    picture = bars(f"Median latency. {compared.title}: {said}.", pairs, names=ROLES, unit="ms")
    return figure(picture, f"{compared.title}: median latency.")


def _said(point: Point) -> str:
    baseline, candidate = (milliseconds(point[role]["p50"]) for role in ROLES)
    return f"{point['where']} baseline {baseline} ms, candidate {candidate} ms"


def _row(point: Point, role: Role) -> tuple[str, ...]:
    found = point[role]
    share = found["of_peak"]
    seconds = seconds_of(point, role)
    return (
        point["where"],
        role,
        *(milliseconds(found[key]) for key in ("p50", "p90", "p95", "p99")),
        milliseconds(seconds[-1]) if seconds else "",
        str(found["calls"]),
        digits(found["throughput"]),
        digits(found["multiply_adds"] / 1e9),
        f"{share:.0%}" if share else "",
    )
