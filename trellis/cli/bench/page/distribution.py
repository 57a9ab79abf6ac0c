"""How latencies are spread: not only the middle of them."""

from collections.abc import Sequence

from bench.result.point import Point
from bench.workload import Traffic
from trellis.cli.bench.page.names import Compared
from trellis.html.blocks import Section, figure, folded, gallery
from trellis.html.format import milliseconds
from trellis.html.lines import BOTTOM, TOP, Series, lines
from trellis.html.markup import Markup, join
from trellis.html.scale import Scale
from trellis.html.svg import Point as Place

_SHOWN = 0.995
"""Share of the calls that the curves reach to: a single straggler would press all others together."""
_CURVE = [_SHOWN * step / 150 for step in range(151)]
_MARKED = (0.5, 0.9, 0.95, 0.99)


def distribution_section(compared: Sequence[Compared]) -> Section:
    """A chart for each operating point; those of the first comparison are seen at once."""
    galleries = [(each.title, gallery(_pictures(each))) for each in compared]
    words = (
        "Share of what was timed that took no longer than the time below; the marks are at 50, 90, 95 and 99 %. "
        "The slowest 0.5 % are left out of the charts; the longest of all is in the table above."
    )
    (_, first), *others = galleries
    return Section(
        "distribution",
        "Latency distribution",
        join([Markup(f"<p>{words}</p>"), first, *(folded(title, pictures) for title, pictures in others)]),
    )


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed, linear between neighbours."""
    at = share * (len(ascending) - 1)
    below = int(at)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (at - below) * (ascending[above] - ascending[below])


def _pictures(compared: Compared) -> list[Markup]:
    return [_picture(compared, point) for point in compared.points]


def _picture(compared: Compared, point: Point) -> Markup:
    series = []
    said = []
    for role, name in compared.names.items():
        seconds = point.seconds(role)
        series.append(Series(role, name, _points(seconds, _CURVE), _points(seconds, _MARKED)))
        times = ", ".join(
            f"{share:.0%} within {milliseconds(quantile(seconds, share))} ms" for share in _MARKED
        )
        said.append(f"{name} {times}")
    at = f"{compared.title}, {point.where}"
    picture = lines(
        f"Distribution of latencies. {at}: {'; '.join(said)}.",
        series,
        x_title=_unit(point),
        y_title="share, %",
        y_scale=Scale(0, 100, BOTTOM, TOP),
        y_ticks=(0, 25, 50, 75, 100),
    )
    return figure(picture, f"{at}.")


def _unit(point: Point) -> str:
    load = point.loads["candidate"]
    return (
        f"ms for {load.questions} questions" if isinstance(load, Traffic) and load.questions else "ms a call"
    )


def _points(seconds: Sequence[float], shares: Sequence[float]) -> list[Place]:
    return [(1000 * quantile(seconds, share), 100 * share) for share in shares]
