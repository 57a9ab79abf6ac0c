"""How long calls take, by batch and length."""

from collections.abc import Iterator, Sequence
from typing import Literal

from bench.result.point import Point
from bench.workload import ROLES, Role, Workload
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

Size = Literal["batch", "seq"]


def latency_section(compared: Sequence[Compared], disturbed: Sequence[str] = ()) -> Section:
    """What `disturbed` the times, curves where batch or length was swept, bars where not, a table of all figures."""
    pictures = gallery(picture for each in compared for picture in _pictures(each))
    rows = [(each.title, [_row(point, role) for point in each.points for role in ROLES]) for each in compared]
    found = grouped_table("Latency", _HEADINGS, rows, names=2)
    return Section("latency", "Latency by batch and length", join([warnings(disturbed), pictures, found]))


def _pictures(compared: Compared) -> Iterator[Markup]:
    swept = [(call, point) for point in compared.points if (call := _one_call(point))]
    kept: Size = "batch" if len({call.seq for call, _ in swept}) > 1 else "seq"
    others = [point for point in compared.points if not _one_call(point)]
    for value in sorted({getattr(call, kept) for call, _ in swept}):
        facet = [point for call, point in swept if getattr(call, kept) == value]
        if len(facet) > 1:
            yield _curves(compared, facet, kept, value)
        else:
            others += facet
    if others:
        yield _bars(compared, others)


def _one_call(point: Point) -> Workload | None:
    """What a timed unit is where that is one call, whose batch and length can be an axis."""
    load, other = point.loads["candidate"], point.loads["baseline"]
    return load if isinstance(load, Workload) and isinstance(other, Workload) else None


_WORDS: dict[Size, str] = {"batch": "sequences in a call", "seq": "tokens in a sequence"}


def _curves(compared: Compared, points: Sequence[Point], kept: Size, value: int) -> Markup:
    varied: Size = "seq" if kept == "batch" else "batch"
    by_size = sorted((getattr(_one_call(point), varied), index) for index, point in enumerate(points))
    sizes, points = [size for size, _ in by_size], [points[index] for _, index in by_size]
    series = [
        Series(role, name, [(size, _median(point, role)) for size, point in zip(sizes, points, strict=True)])
        for role, name in compared.names.items()
    ]
    at = f"{compared.title}, {kept} {value}"
    said = _said(compared, points)
    picture = lines(
        f"Median latency. {at}: {said}.",
        series,
        x_title=_WORDS[varied],
        y_title="median, ms a call",
        x_ticks=sizes,
    )
    return figure(picture, f"{at}: median latency; both axes are of ratios.")


def _bars(compared: Compared, points: Sequence[Point]) -> Markup:
    pairs = [Pair(point.where, *(_median(point, role) for role in ROLES)) for point in points]
    said, names = _said(compared, points), (compared.names["baseline"], compared.names["candidate"])
    picture = bars(f"Median latency. {compared.title}: {said}.", pairs, names=names, unit="ms")
    return figure(picture, f"{compared.title}: median latency.")


def _said(compared: Compared, points: Sequence[Point]) -> str:
    """Each point's medians, for whoever does not see the chart."""
    medians = (
        ", ".join(
            f"{name} {milliseconds(point.latencies[role].p50)} ms" for role, name in compared.names.items()
        )
        for point in points
    )
    return "; ".join(f"{point.where}: {each}" for point, each in zip(points, medians, strict=True))


def _median(point: Point, role: Role) -> float:
    return 1000 * point.latencies[role].p50


def _row(point: Point, role: Role) -> tuple[str, ...]:
    latency, share = point.latencies[role], point.of_peak[role]
    return (
        point.where,
        role,
        *map(milliseconds, (latency.p50, latency.p90, latency.p95, latency.p99, point.seconds(role)[-1])),
        str(latency.calls),
        digits(latency.throughput),
        digits(point.multiply_adds[role] / 1e9),
        f"{share:.0%}" if share else "",
    )
