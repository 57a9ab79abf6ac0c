"""Accuracy against speed: which of the models are worth having.

Speed-ups can be held side by side only where they are over the same baseline, so that there is a chart for each
set of comparisons that share one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.measure.statistics import Speedup
from bench.workload import Role
from prune.tasks.question_answering.significance import Interval
from trellis.cli.bench.page.names import Compared
from trellis.html.blocks import Section, figure, gallery, grouped_table
from trellis.html.format import interval, times, without_common_end
from trellis.html.markup import Markup, element, join
from trellis.html.pareto import pareto_front
from trellis.html.scatter import Model, scatter

_MEASURES = ("F1 as served", "F1 of long answers as served", "F1 of short answers as served")
_HEADINGS = ("model", "as fast as the baseline", "accuracy, %", "on the front")
_TIMED_ALIKE = (
    "encoder",
    "shape",
    "dialect",
    "precision",
    "runtime",
    "device",
    "threads",
    "clients",
    "timing",
)
"""What a model's latency depends on; its weights are not among it."""


@dataclass(frozen=True)
class _Chart:
    """Models that are held side by side: at one operating point, by one measure, over one baseline."""

    baseline: str
    where: str
    measure: str
    models: Sequence[tuple[str, Model]]

    @property
    def title(self) -> str:
        return f"{self.measure}, {self.where}, against {self.baseline}"


def tradeoff_section(compared: Sequence[Compared]) -> Section | None:
    """A chart for each shared baseline, operating point and measure; None where no two models have figures."""
    groups: dict[object, list[Compared]] = {}
    for each in compared:
        if each.found.accuracy and not each.found.of_itself:
            baseline = each.found.models["baseline"]
            key = tuple(getattr(baseline, part) for part in _TIMED_ALIKE)
            groups.setdefault(key, []).append(each)
    charts = [chart for group in groups.values() for chart in _charts(group)]
    if not charts:
        return None
    words = (
        "Farther right and higher is better; the upright axis does not begin at 0 where it is broken. No other model "
        "beats those on the dashed front (filled marks) in both, going by the estimates. Lines through the marks: 95 % "
        "intervals of the speed-up and of the change from the baseline."
    )
    rows = [(each.title, _rows(each)) for each in charts]
    found = grouped_table("Speed-up and accuracy", _HEADINGS, rows)
    pictures = gallery(_picture(each) for each in charts)
    return Section("tradeoff", "Accuracy against speed", join([element("p", words), pictures, found]))


def _charts(group: Sequence[Compared]) -> Iterator[_Chart]:
    wheres = list(dict.fromkeys(point.where for each in group for point in each.points))
    for where in wheres:
        for measure in _MEASURES:
            named = _models(group, where, measure)
            if len(named) > 1:
                yield _Chart(group[0].names["baseline"], where, measure, named)


def _models(group: Sequence[Compared], where: str, measure: str) -> list[tuple[str, Model]]:
    """Name and mark of every model that has both figures, the baseline first."""
    found: dict[str, Model] = {}
    for each in group:
        metrics = each.found.accuracy.metrics if each.found.accuracy else ()
        metric = next((one for one in metrics if one.name == measure), None)
        point = next((one for one in each.points if one.where == where), None)
        if not metric or not point:
            continue
        values = metric.values
        if "baseline" in values:
            found.setdefault(each.names["baseline"], Model("", "baseline", 1.0, values["baseline"]))
        if "candidate" in values:
            found[each.names["candidate"]] = _candidate(point.speedup, values, metric.change)
    first = sorted(found.items(), key=lambda item: item[1].kind != "baseline")
    shown = without_common_end([name for name, _ in first])
    return [(name, replace(model, name=short)) for (name, model), short in zip(first, shown, strict=True)]


def _candidate(speedup: Speedup, values: Mapping[Role, float], change: Interval | None) -> Model:
    across = (speedup.low, speedup.high)
    up = None
    if change and "baseline" in values:
        # the interval is of the difference: it is hung on the baseline's own figure, which is taken as given
        up = (values["baseline"] + change.low, values["baseline"] + change.high)
    return Model("", "candidate", speedup.estimate, values["candidate"], across, up)


def _picture(chart: _Chart) -> Markup:
    front = _front(chart)
    said = "; ".join(
        f"{name}: {times(model.x)} as fast, {chart.measure} {model.y:.2f}"
        f"{', on the front' if index in front else ''}"
        for index, (name, model) in enumerate(chart.models)
    )
    picture = scatter(
        f"Accuracy against speed-up: {chart.title}. {said}.",
        [model for _, model in chart.models],
        x_title=f"× as fast as {chart.baseline}",
        y_title=f"{chart.measure}, %",
    )
    return figure(picture, f"{chart.title}.")


def _rows(chart: _Chart) -> list[tuple[str, ...]]:
    front = _front(chart)
    return [
        (
            name,
            _speed(model),
            _with(f"{model.y:.2f}", model.y_interval),
            "yes" if index in front else "no",
        )
        for index, (name, model) in enumerate(chart.models)
    ]


def _front(chart: _Chart) -> list[int]:
    return pareto_front([(model.x, model.y) for _, model in chart.models])


def _speed(model: Model) -> str:
    reach = model.x_interval
    return times(model.x) if reach is None else f"{times(model.x)} ({interval(*reach, model.x)})"


def _with(figure_: str, interval: tuple[float, float] | None) -> str:
    return figure_ if interval is None else f"{figure_} ({interval[0]:.2f} to {interval[1]:.2f})"
