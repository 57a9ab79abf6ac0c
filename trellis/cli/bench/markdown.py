"""A result as Markdown, ready for a pull request's comment; nothing in a name can break out of its place."""

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bench.result import found_in_words
from bench.workload import ROLES
from trellis.html.format import digits, interval, milliseconds, times

_SPEED = ("at", "model", "p50 ms", "p90 ms", "p99 ms", "per second", "GMAC", "speed-up (95 % interval)")
_ACCURACY = ("metric, percent", "baseline", "candidate", "change", "95 % interval")


def markdown_text(result: dict[str, Any]) -> str:
    """The tables of all comparisons in `result`, a `Result.to_dict()`, then limits, notes, and the environment."""
    sections = [_warnings(result["comparisons"]), *map(_comparison, result["comparisons"])]
    sections += [_limits(result["gates"]), _notes(result["notes"]), _environment(result)]
    return "\n".join(line for section in sections for line in section)


def _comparison(comparison: dict[str, Any]) -> Iterator[str]:
    yield f"### {_headline(comparison)}"
    yield ""
    yield from (f"- {role}: {_describe(comparison[role])}" for role in ROLES)
    yield ""
    yield from _table(_SPEED, (row for point in comparison["points"] for row in _speed_rows(point)), left=2)
    accuracy = comparison["accuracy"]
    if accuracy:
        yield f"{accuracy['questions']} questions:"
        yield ""
        yield from _table(_ACCURACY, map(_accuracy_row, accuracy["metrics"]), left=1)


def _headline(comparison: dict[str, Any]) -> str:
    candidate, baseline = (code(comparison[role]["name"]) for role in ("candidate", "baseline"))
    found = [point["speedup"] for point in comparison["points"]]
    if len(found) > 1:
        estimates = [one["estimate"] for one in found]
        return f"{candidate} is {times(min(estimates))} to {times(max(estimates))} as fast as {baseline}"
    (one,) = found
    how_much = f"{times(one['estimate'])} as fast as {baseline} (95 % interval {_interval(one)})"
    if one["verdict"] == "undecided":
        return f"{candidate} is {how_much}: no significant difference"
    return f"{candidate} is {how_much}"


def _describe(model: dict[str, Any]) -> str:
    clients = f", {model['clients']} clients" if model["clients"] > 1 else ""
    graph = f"{model['precision']}, {model['dialect']} graph" if model["dialect"] else model["precision"]
    return (
        f"{code(model['name'])}, {model['runtime']} on {model['device']}, {model['threads']} threads{clients}; "
        f"{graph}, {model['weights']} weights, {_removed(model)}"
    )


def _removed(model: dict[str, Any]) -> str:
    shape, original = model["shape"], model["original_shape"]
    if shape == original:
        return "whole"
    heads, widths = (
        1 - sum(shape[part]) / max(1, sum(original[part])) for part in ("num_heads", "intermediate_size")
    )
    return f"{heads:.1%} of heads and {widths:.1%} of activations removed"


def _speed_rows(point: dict[str, Any]) -> Iterator[list[str]]:
    for role in ROLES:
        found = point[role]
        yield [
            prose(point["where"]) if role == ROLES[0] else "",
            role,
            *(milliseconds(found[quantile]) for quantile in ("p50", "p90", "p99")),
            digits(found["throughput"]),
            digits(found["multiply_adds"] / 1e9),
            f"**{times(point['speedup']['estimate'])}** ({_interval(point['speedup'])}), {point['speedup']['verdict']}"
            if role == "candidate"
            else "1×",
        ]


def _accuracy_row(metric: dict[str, Any]) -> list[str]:
    values, change = metric["values"], metric["change"]
    return [
        prose(metric["name"]),
        *(f"{values[role]:.2f}" if role in values else "" for role in ROLES),
        f"{change['points']:+.2f}" if change else "",
        f"{change['low']:+.2f} to {change['high']:+.2f}" if change else "",
    ]


def _limits(gates: list[dict[str, Any]]) -> Iterator[str]:
    for gate in gates:
        verdict = "met" if gate["met"] else "MISSED"
        end = "end of the interval " if gate["tested"] == "bound" else ""
        option = code(f"--{gate['name']} {gate['limit']:g}")
        yield f"- {option}: **{verdict}**, {end}{found_in_words(gate['name'], gate['found'])} ({prose(gate['where'])})"
    if gates:
        yield ""


def _warnings(comparisons: list[dict[str, Any]]) -> Iterator[str]:
    """What voids figures of accuracy, above everything else."""
    accuracies = [one["accuracy"] for one in comparisons if one["accuracy"]]
    warnings = dict.fromkeys(each for accuracy in accuracies for each in accuracy.get("warnings", ()))
    yield from (f"- **Warning: {prose(warning)}**" for warning in warnings)
    if warnings:
        yield ""


def _notes(notes: list[str]) -> Iterator[str]:
    yield from (f"- Note: {prose(note)}" for note in notes)
    if notes:
        yield ""


def _environment(result: dict[str, Any]) -> Iterator[str]:
    """Folded up: all of where and how it was measured."""
    place, settings = result["environment"], result["settings"]
    parts = (place["gpu"], place["cpu"], f"{place['cores']} cores", place["system"])
    summary = " · ".join(part for part in parts if part)
    yield f"<details><summary>Measured on {html.escape(_one_line(summary))}</summary>"
    yield ""
    facts = {
        "command": result["command"],
        **{key.replace("_", " "): value for key, value in place.items() if key != "packages"},
        **place["packages"],
        **{key.replace("_", " "): value for key, value in result["disturbance"].items()},
        **{key.replace("_", " "): value for key, value in settings.items()},
    }
    for name, value in facts.items():
        text = " ".join(value) if isinstance(value, list | tuple) else str(value)
        if value is not None and text:
            yield f"- {name}: {code(text)}"
    yield ""
    yield "</details>"
    yield ""


def _interval(speedup: dict[str, Any]) -> str:
    return interval(speedup["low"], speedup["high"], speedup["estimate"])


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
