"""A result as Markdown, ready for a pull request's comment; nothing in a name can break out of its place."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.accuracy import Metric
from bench.measure.statistics import Speedup
from bench.result.comparison import Comparison
from bench.result.limits import Limit
from bench.result.model import MeasuredModel
from bench.result.point import Point
from bench.result.result import Result
from bench.workload import ROLES
from trellis.html.format import digits, interval, milliseconds, times

_SPEED = ("at", "model", "p50 ms", "p90 ms", "p99 ms", "per second", "GMAC", "speed-up (95 % interval)")
_ACCURACY = ("metric, percent", "baseline", "candidate", "change", "95 % interval")


def markdown_text(result: Result) -> str:
    """The tables of all comparisons in `result`, then limits, notes, and the environment."""
    sections = [_warnings(result.comparisons), *map(_comparison, result.comparisons)]
    sections += [_limits(result.limits), _notes(result.notes), _environment(result)]
    return "\n".join(line for section in sections for line in section)


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield f"### {_headline(comparison)}"
    yield ""
    yield from (f"- {role}: {_describe(comparison.models[role])}" for role in ROLES)
    yield ""
    yield from _table(_SPEED, (row for point in comparison.points for row in _speed_rows(point)), left=2)
    accuracy = comparison.accuracy
    if accuracy:
        yield f"{accuracy.questions} questions:"
        yield ""
        yield from _table(_ACCURACY, map(_accuracy_row, accuracy.metrics), left=1)


def _headline(comparison: Comparison) -> str:
    candidate, baseline = (code(comparison.models[role].name) for role in reversed(ROLES))
    found = [point.speedup for point in comparison.points]
    if len(found) > 1:
        estimates = [one.estimate for one in found]
        return f"{candidate} is {times(min(estimates))} to {times(max(estimates))} as fast as {baseline}"
    (one,) = found
    how_much = f"{times(one.estimate)} as fast as {baseline} (95 % interval {_interval(one)})"
    if one.verdict == "undecided":
        return f"{candidate} is {how_much}: no significant difference"
    return f"{candidate} is {how_much}"


def _describe(model: MeasuredModel) -> str:
    clients = f", {model.clients} clients" if model.clients > 1 else ""
    graph = f"{model.precision}, {model.dialect} graph" if model.dialect else model.precision
    return (
        f"{code(model.name)}, {model.runtime} on {model.device}, {model.threads} threads{clients}; "
        f"{graph}, {model.weights} weights, {_removed(model)}"
    )


def _removed(model: MeasuredModel) -> str:
    if model.shape == model.original_shape:
        return "whole"
    heads, widths = model.shape.removed_from(model.original_shape)
    return f"{heads:.1%} of heads and {widths:.1%} of activations removed"


def _speed_rows(point: Point) -> Iterator[list[str]]:
    for role in ROLES:
        latency, speedup = point.latencies[role], point.speedup
        yield [
            prose(point.where) if role == ROLES[0] else "",
            role,
            *map(milliseconds, (latency.p50, latency.p90, latency.p99)),
            digits(latency.throughput),
            digits(point.multiply_adds[role] / 1e9),
            f"**{times(speedup.estimate)}** ({_interval(speedup)}), {speedup.verdict}"
            if role == "candidate"
            else "1×",
        ]


def _accuracy_row(metric: Metric) -> list[str]:
    values, change = metric.values, metric.change
    return [
        prose(metric.name),
        *(f"{values[role]:.2f}" if role in values else "" for role in ROLES),
        f"{change.mean_difference:+.2f}" if change else "",
        f"{change.low:+.2f} to {change.high:+.2f}" if change else "",
    ]


def _limits(limits: Sequence[Limit]) -> Iterator[str]:
    for one in limits:
        verdict = "met" if one.met else "MISSED"
        end = "end of the interval " if one.tested == "bound" else ""
        option = code(f"--{one.name} {one.limit:g}")
        yield f"- {option}: **{verdict}**, {end}{one.found_in_words} ({prose(one.where)})"
    if limits:
        yield ""


def _warnings(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What voids figures of accuracy, above everything else."""
    accuracies = [one.accuracy for one in comparisons if one.accuracy]
    warnings = dict.fromkeys(each for accuracy in accuracies for each in accuracy.warnings)
    yield from (f"- **Warning: {prose(warning)}**" for warning in warnings)
    if warnings:
        yield ""


def _notes(notes: Sequence[str]) -> Iterator[str]:
    yield from (f"- Note: {prose(note)}" for note in notes)
    if notes:
        yield ""


def _environment(result: Result) -> Iterator[str]:
    """Folded up: all of where and how it was measured."""
    place = result.environment
    parts = (place.gpu, place.cpu, f"{place.cores} cores", place.system)
    summary = " · ".join(part for part in parts if part)
    yield f"<details><summary>Measured on {html.escape(_one_line(summary))}</summary>"
    yield ""
    facts: dict[str, Any] = {
        "command": result.command,
        **{_in_words(key): value for key, value in place.to_dict().items() if key != "packages"},
        **place.packages,
        **{_in_words(key): value for key, value in result.disturbance.to_dict().items()},
        "inputs": result.inputs,
        **{_in_words(key): value for key, value in result.effort.to_dict().items()},
    }
    for name, value in facts.items():
        text = " ".join(value) if isinstance(value, list | tuple) else str(value)
        if value is not None and text:
            yield f"- {name}: {code(text)}"
    yield ""
    yield "</details>"
    yield ""


def _in_words(name: str) -> str:
    return name.replace("_", " ")


def _interval(speedup: Speedup) -> str:
    return interval(speedup.low, speedup.high, speedup.estimate)


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]], *, left: int) -> Iterator[str]:
    """A table of GitHub's kind, its first `left` columns flush left, and an empty line."""
    headings = list(headings)
    yield _line(headings)
    yield _line("---" if index < left else "---:" for index in range(len(headings)))
    yield from map(_line, rows)
    yield ""


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def code(text: str) -> str:
    """`text` as it is, in code style: fenced by more backticks than stand together in it, and on one line.

    Neither markup nor the mention of a person works there.
    """
    text = _one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def prose(text: str) -> str:
    """`text` on one line, with no markup in it, nor the mention of a person."""
    escaped = re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", _one_line(text))
    return escaped.replace("@", "@\u200b")  # looks the same, and calls nobody


def _one_line(text: str) -> str:
    """Nor with anything in it that steers a terminal which shows it."""
    return "".join(one if one.isprintable() else "\ufffd" for one in " ".join(text.split()))
