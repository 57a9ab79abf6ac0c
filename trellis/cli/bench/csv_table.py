"""A result as CSV: one row for each comparison, operating point and role, in plain SI numbers, for spreadsheets.

Column names are stable: new ones go to the end. What is not known, or does not apply, is left empty. The raw
samples, and what lies between two accuracies, are in the JSON.
"""

import csv
import io
from collections.abc import Iterator

from bench.accuracy import Accuracy
from bench.result.model import MeasuredModel
from bench.result.point import Point
from bench.result.result import Result
from bench.workload import ROLES, Role, Traffic, Workload

COLUMNS = {
    "comparison": "number of the comparison, from 1: its rows belong together",
    "model": "name",
    "role": "baseline or candidate",
    "runtime": "what ran it",
    "device": "on what",
    "precision": "of the graph: fp32, fp16, int8",
    "threads": "of the engine",
    "clients": "that called it at the same time",
    "batch": "sequences in a call; empty where lengths are unequal",
    "seq": "tokens of each sequence; empty where lengths are unequal",
    "arrangement": "how sequences of unequal lengths were put together; empty where they are equal",
    "questions": "answered by one timed unit; empty where lengths are equal",
    "p50_s": "median seconds of a timed unit: a call, or all calls of an arrangement",
    "p90_s": "its 90th percentile",
    "p95_s": "its 95th percentile",
    "p99_s": "its 99th percentile",
    "timed": "how many units were timed",
    "throughput_per_s": "sequences per second; questions where lengths are unequal",
    "speedup": "how many times as fast as the baseline; this and the next four are the candidate's",
    "speedup_low": "lower end of its interval",
    "speedup_high": "upper end",
    "confidence": "of the interval, as a share",
    "verdict": "faster, slower or undecided",
    "launches": "independent starts of both engines that it rests on",
    "file_bytes": "what the runtime reads",
    "peak_bytes": "most resident memory of the engine's process",
    "load_s": "seconds from the file to an engine ready to run, median",
    "first_call_s": "seconds of the first call, median",
    "multiply_adds": "of a timed unit",
    "of_peak": "share of the machine's fastest matrix product that was reached",
    "parameters": "of the model",
    "weights": "trained or random",
    "sha256": "of the file; empty for random weights",
    "timing": "what was timed: call (from the host and back), device (by the GPU's clock), cuda-graph (so replayed)",
    "device_bytes": "taken of the GPU's memory; empty where there is none",
    "f1_served": "percent, as served: by the threshold for no answer; of Natural Questions short answers, as the next",
    "has_answer_f1_served": "the same over the questions that have an answer",
    "no_answer_accuracy_served": "share of the questions without an answer that are refused, percent",
    "refused_served": "share of all questions that are refused, percent",
    "f1_refusing_everything": "the floor: what refusing every question scores",
    "f1_best_threshold": "F1 at the threshold that suits these very questions best",
    "has_answer_f1_none_refused": "F1 over the questions that have an answer, none of them refused",
}
"""Every column, in order, and what stands in it."""

_METRICS = {
    "f1_served": "F1{of} as served",
    "has_answer_f1_served": "has-answer F1{of} as served",
    "no_answer_accuracy_served": "no-answer accuracy{of} as served",
    "refused_served": "share refused{of} as served",
    "f1_refusing_everything": "F1 of refusing every question",
    "f1_best_threshold": "F1{of} at the best threshold",
    "has_answer_f1_none_refused": "has-answer F1{of}, none refused",
}
"""Names of the metrics in columns."""
_OF = ("", " of short answers")
"""What they are of, where that is said."""

_FORMULA = ("=", "+", "-", "@")
_CONTROL = ("\t", "\r", "\n")
"""After which spreadsheets still see a formula, or begin one by themselves."""


Cell = str | float | None


def csv_text(result: Result) -> str:
    """The table of `result`: a header, then the rows; lines end with a line feed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(result))
    return out.getvalue()


def rows(result: Result) -> Iterator[dict[str, Cell]]:
    """The rows, each with every column; text is made safe for spreadsheets."""
    for number, comparison in enumerate(result.comparisons, 1):
        for point in comparison.points:
            for role in ROLES:
                row = {
                    "comparison": number,
                    **_of_model(comparison.models[role], role),
                    **_of_load(point, role),
                    **_of_point(point, role),
                    **_of_accuracy(comparison.accuracy, role),
                }
                yield {column: _safe(row[column]) for column in COLUMNS}


def _of_model(model: MeasuredModel, role: Role) -> dict[str, Cell]:
    return {
        "model": model.name,
        "role": role,
        "runtime": model.runtime,
        "device": model.device,
        "precision": model.precision,
        "threads": model.threads,
        "clients": model.clients,
        "file_bytes": model.file_bytes,
        "parameters": model.parameters,
        "weights": model.weights,
        "sha256": model.sha256,
        "timing": model.timing,
    }


def _of_load(point: Point, role: Role) -> dict[str, Cell]:
    load = point.loads[role]
    equal = load if isinstance(load, Workload) else None
    unequal = load if isinstance(load, Traffic) else None
    return {
        "batch": equal.batch if equal else None,
        "seq": equal.seq if equal else None,
        "arrangement": unequal.arrangement if unequal else None,
        "questions": unequal.questions if unequal else None,
    }


def _of_point(point: Point, role: Role) -> dict[str, Cell]:
    latency, start = point.latencies[role], point.start(role)
    speedup = point.speedup if role == "candidate" else None
    return {
        "p50_s": latency.p50,
        "p90_s": latency.p90,
        "p95_s": latency.p95,
        "p99_s": latency.p99,
        "timed": latency.calls,
        "throughput_per_s": latency.throughput,
        "speedup": speedup.estimate if speedup else None,
        "speedup_low": speedup.low if speedup else None,
        "speedup_high": speedup.high if speedup else None,
        "confidence": speedup.confidence if speedup else None,
        "verdict": speedup.verdict if speedup else None,
        "launches": len(point.samples.launches),
        "peak_bytes": start["peak_bytes"],
        "load_s": start["load_seconds"],
        "first_call_s": start["first_call_seconds"],
        "multiply_adds": point.multiply_adds[role],
        "of_peak": point.of_peak[role],
        "device_bytes": start["device_bytes"],
    }


def _of_accuracy(accuracy: Accuracy | None, role: Role) -> dict[str, Cell]:
    metrics = accuracy.metrics if accuracy else ()
    values = {metric.name: metric.values.get(role) for metric in metrics}
    return {
        column: next((values[wanted] for of in _OF if (wanted := name.format(of=of)) in values), None)
        for column, name in _METRICS.items()
    }


def _safe(value: Cell) -> Cell:
    """A leading apostrophe keeps spreadsheets from computing a text that begins like a formula."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r", " ")  # alone it ends a line for some readers, quoted or not
    begins = value.startswith(_CONTROL) or text.lstrip().startswith(_FORMULA)
    return f"'{text}" if begins else text
