"""The table that a person reads. Numbers are formatted here and nowhere before."""

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bench.accuracy import Accuracy
from bench.measure.environment import Environment
from bench.result.comparison import Comparison
from bench.result.model import MeasuredModel
from bench.result.point import Point
from bench.result.result import Result
from bench.workload import ROLES
from trellis.html.format import as_fast, digits, mebibytes, milliseconds, times


def print_report(result: Result, console: Console) -> None:
    """Print the tables of all comparisons, then what a reader must know, then the limits."""
    console.print(Text(f"{_place(result.environment)} · {result.inputs}"), highlight=False)
    for warning in dict.fromkeys(
        each for one in result.comparisons if one.accuracy for each in one.accuracy.warnings
    ):
        console.print(Text(f"WARNING: {warning}", style="bold red"), highlight=False)
    for comparison in result.comparisons:
        console.print()
        for line in _headline(comparison):
            console.print(Text(line), highlight=False)
        if not comparison.of_itself:
            console.print(_shape_table(comparison))
        console.print(_speed_table(comparison))
        console.print(_start_table(comparison))
        for point in comparison.points:
            console.print(Text(_verdict(point), style="bold"), highlight=False)
            for warning in point.warnings:
                console.print(Text(f"  ⚠ {warning}", style="bold yellow"), highlight=False)
        for warning in comparison.warnings:
            console.print(Text(f"  ⚠ {warning}", style="bold yellow"), highlight=False)
        if comparison.accuracy:
            console.print(_accuracy_table(comparison.accuracy))
    for note in result.notes:
        console.print(Text(f"Note: {note}", style="yellow"), highlight=False)
    for limit in result.limits:
        verdict, style = ("met", "green") if limit.met else ("MISSED", "bold red")
        end = "end of the interval " if limit.tested == "bound" else ""
        line = f"--{limit.name} {limit.limit:g}: {verdict}, {end}{limit.found_in_words} ({limit.where})"
        console.print(Text(line, style=style), highlight=False)


def _headline(comparison: Comparison) -> list[str]:
    return [f"{role}: {_describe(comparison.models[role])}" for role in ROLES]


def _describe(model: MeasuredModel) -> str:
    graph = f"{model.precision}, {model.dialect} graph" if model.dialect else model.precision
    heads, widths = model.shape.removed_from(model.original_shape)
    removed = f"{heads:.1%} of heads and {widths:.1%} of activations removed" if heads or widths else "whole"
    clients = f", {model.clients} clients" if model.clients > 1 else ""
    how = f"{model.runtime} on {model.device}, {model.threads} threads{clients}"
    return f"{model.name} ({how}; {graph}, {model.weights} weights, {removed})"


def _place(environment: Environment) -> str:
    packages = environment.packages
    runtimes = [
        f"{name} {packages[name]}"
        for name in ("onnxruntime", "onnxruntime-gpu", "openvino")
        if name in packages
    ]
    parts = (environment.gpu, environment.cpu, f"{environment.cores} cores", *runtimes)
    return " · ".join(part for part in parts if part)


def _shape_table(comparison: Comparison) -> RenderableType:
    """Heads and feed-forward activations of each layer, as far as both models have it."""
    shapes = {role: comparison.models[role].shape for role in ROLES}
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
    table.add_column("at")
    table.add_column("model")
    for heading in ("p50 ms", "p90", "p95", "p99", "per second", "GMAC", "of peak"):
        table.add_column(heading, justify="right")
    for point in comparison.points:
        for role in ROLES:
            latency, share = point.latencies[role], point.of_peak[role]
            times = (latency.p50, latency.p90, latency.p95, latency.p99)
            table.add_row(
                point.where if role == ROLES[0] else "",
                role,
                *map(milliseconds, times),
                digits(latency.throughput),
                digits(point.multiply_adds[role] / 1e9),
                f"{share:.0%}" if share else "",
            )
    return table


def _start_table(comparison: Comparison) -> RenderableType:
    """What an engine costs before its first answer, and in memory, at the first operating point."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("model")
    for heading in ("file MiB", "load s", "first call ms", "peak memory MiB"):
        table.add_column(heading, justify="right")
    point = comparison.points[0]
    starts = {role: point.start(role) for role in ROLES}
    on_gpu = any(start["device_bytes"] is not None for start in starts.values())
    if on_gpu:
        table.add_column("GPU memory MiB", justify="right")
    for role, start in starts.items():
        size = comparison.models[role].file_bytes
        table.add_row(
            role,
            mebibytes(size),
            digits(start["load_seconds"] or 0.0),
            milliseconds(start["first_call_seconds"]),
            mebibytes(start["peak_bytes"]),
            *([mebibytes(start["device_bytes"])] if on_gpu else []),
        )
    return table


def _verdict(point: Point) -> str:
    found = point.speedup
    said = as_fast(found.estimate, found.low, found.high, found.confidence)
    if found.verdict == "undecided":
        said = f"no significant difference: {said}, which includes 1"
    fewer = f"{times(point.multiply_add_ratio)} fewer multiply-adds"
    return f"{point.where}: {said}; {found.launches} launches; {fewer}"


def _accuracy_table(accuracy: Accuracy) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, title=f"{accuracy.questions} questions, in percent", title_justify="left")
    table.add_column("metric")
    for heading in (*ROLES, "change", "95 % interval"):
        table.add_column(heading, justify="right")
    for metric in accuracy.metrics:
        change = metric.change
        table.add_row(
            metric.name,
            *(f"{metric.values[role]:.2f}" if role in metric.values else "" for role in ROLES),
            f"{change.mean_difference:+.2f}" if change else "",
            f"{change.low:+.2f} to {change.high:+.2f}" if change else "",
        )
    return table
