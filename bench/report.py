"""The table that a person reads. Numbers are formatted here and nowhere before."""

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bench.inputs import DESCRIPTION
from bench.measure import ROLES
from bench.models import Model
from bench.result import Comparison, Point, Result


def print_report(result: Result, console: Console) -> None:
    """Print the tables of all comparisons, then what a reader must know, then the gates."""
    environment = result.environment
    packages = environment.packages
    runtime = " ".join(filter(None, (result.runtime, packages.get(result.runtime))))
    place = environment.cpu if result.device == "cpu" else f"{environment.gpu or 'GPU'}, {environment.cpu}"
    console.print(
        Text(f"{runtime} on {result.device}, {result.threads} threads · {place} · {DESCRIPTION}"),
        highlight=False,
    )
    for comparison in result.comparisons:
        console.print()
        for line in _headline(comparison):
            console.print(Text(line), highlight=False)
        console.print(_shape_table(comparison))
        console.print(_speed_table(comparison))
        for point in comparison.points:
            console.print(Text(_verdict(point), style="bold"), highlight=False)
        if comparison.accuracy:
            console.print(_accuracy_table(comparison))
    for note in result.notes():
        console.print(Text(f"Note: {note}", style="yellow"), highlight=False)
    for gate in result.gates:
        verdict, style = ("met", "green") if gate.met else ("MISSED", "bold red")
        line = f"--{gate.name} {gate.limit:g}: {verdict}, {gate.found:.2f} ({gate.where})"
        console.print(Text(line, style=style), highlight=False)


def _headline(comparison: Comparison) -> list[str]:
    return [f"{role}: {_describe(comparison.models[role])}" for role in ROLES]


def _describe(model: Model) -> str:
    graph = f"{model.precision}, {model.dialect} graph" if model.dialect else model.precision
    heads, widths = model.engine.shape.removed_from(model.original_shape)
    removed = f"{heads:.1%} of heads and {widths:.1%} of activations removed" if heads or widths else "whole"
    return f"{model.name} ({graph}, {model.weights} weights, {removed})"


def _shape_table(comparison: Comparison) -> RenderableType:
    """Heads and feed-forward activations of each layer, as far as both models have it."""
    shapes = {role: comparison.models[role].engine.shape for role in ROLES}
    table = Table(box=SIMPLE_HEAD)
    for heading in (
        "layer",
        "baseline heads",
        "candidate heads",
        "baseline activations",
        "candidate activations",
    ):
        table.add_column(heading, justify="right")
    for index, (whole, cut) in enumerate(
        zip(shapes["baseline"].layers, shapes["candidate"].layers, strict=False)
    ):
        sizes = (index, whole.num_heads, cut.num_heads, whole.intermediate_size, cut.intermediate_size)
        table.add_row(*map(str, sizes))
    return table


def _speed_table(comparison: Comparison) -> RenderableType:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("batch", "seq"):
        table.add_column(heading, justify="right")
    table.add_column("model")
    for heading in ("p50 ms", "p90 ms", "p99 ms", "seq/s", "GMAC"):
        table.add_column(heading, justify="right")
    for point in comparison.points:
        for role in ROLES:
            latency = point.latencies[role]
            table.add_row(
                str(point.workload.batch),
                str(point.workload.seq),
                role,
                *(_figure(1000 * seconds) for seconds in (latency.p50, latency.p90, latency.p99)),
                _figure(latency.throughput),
                _figure(point.multiply_adds[role] / 1e9),
            )
    return table


def _verdict(point: Point) -> str:
    found = point.speedup
    return (
        f"batch {point.workload.batch}, seq {point.workload.seq}: {found.estimate:.2f} times faster "
        f"({found.confidence:.0%} interval {found.low:.2f} to {found.high:.2f}; {found.pairs} pairs), "
        f"{point.multiply_add_ratio:.2f} times fewer multiply-adds"
    )


def _figure(value: float) -> str:
    """Three digits that count, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _accuracy_table(comparison: Comparison) -> RenderableType:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("model")
    for heading in ("F1, best threshold", "EM, best threshold", "F1 as served", "questions"):
        table.add_column(heading, justify="right")
    for role in ROLES:
        if role not in comparison.accuracy:
            table.add_row(role, "none: random weights", "", "", "")
            continue
        accuracy = comparison.accuracy[role]
        figures = (accuracy.best_f1, accuracy.best_exact, accuracy.score.f1)
        table.add_row(role, *(f"{figure:.2f}" for figure in figures), str(accuracy.score.total))
    return table
