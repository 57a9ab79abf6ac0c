"""The commands of studies.trust; see its package."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.graphs import Form
from bench.workload import BERT_BASE, Effort, Workload
from export.runtimes.engine_spec import EngineSpec
from prune.shape import ModelShape
from studies.pairs import graph_file, main, measured_with, timed
from studies.store import is_stored, prepare_store, read_store, write_cell
from trellis.cores import available_cores
from trellis.files.scratch import scratch

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

ENCODER = replace(BERT_BASE, hidden_size=384, embedding_size=384, head_size=32)
SHAPE = ModelShape.uniform(6, num_heads=12, intermediate_size=1536)
"""A MiniLM of six layers: a call of a few milliseconds, where trouble shows first."""
WORKLOAD = Workload(1, 128)

_Store = Annotated[Path, typer.Option(help="File of the numbers, such as trust.json.gz.")]


@dataclass(frozen=True)
class Case:
    """What is measured so many times, and what is known of it."""

    name: str
    says: str
    slower: float
    """Share by which the candidate is slowed down."""
    neighbour: bool
    runs: int

    @property
    def true(self) -> float:
        """The speed-up that there is."""
        return 1 / (1 + self.slower)


CASES = (
    Case("same", "A against A", 0.0, False, 20),
    Case("three", "slowed down by 3 %", 0.03, False, 6),
    Case("half", "slowed down by 0.5 %", 0.005, False, 6),
    Case("neighbour", "A against A, another process burning a core", 0.0, True, 4),
    Case("neighbour-three", "slowed down by 3 %, another process burning a core", 0.03, True, 4),
)


@app.command()
def run(
    store: _Store,
    only: Annotated[str, typer.Option(help="Cases whose name begins so.")] = "",
    max_time: Annotated[float, typer.Option(metavar="SECONDS", help="To aim at per run.")] = 40.0,
) -> None:
    """Make all runs that are not stored yet."""
    prepare_store(store)
    effort = Effort(aim=max_time)
    inputs = measured_with(effort)
    with scratch() as folder:
        for case in CASES:
            if not case.name.startswith(only):
                continue
            for number in range(case.runs):
                name = f"{case.name}-{number}"
                if not is_stored(store, name, [], inputs):
                    print(name, flush=True)
                    found = _found(case, folder, effort)
                    write_cell(store, name, case.name, [], found, inputs)


def _found(case: Case, scratch: Path, effort: Effort) -> dict[str, Any]:
    baseline, candidate = _engine(scratch / "plain.onnx"), _engine(scratch / f"slowed-{case.slower}.onnx")
    with _neighbour(burning=case.neighbour):
        return timed(candidate, baseline, WORKLOAD, effort, worker="studies.trust.slowed_worker")


def _engine(path: Path) -> EngineSpec:
    graph_file(path, ENCODER, SHAPE, Form("onnxruntime"))
    return EngineSpec("onnxruntime", "cpu", available_cores(), ENCODER, SHAPE, path)


@contextmanager
def _neighbour(*, burning: bool) -> Iterator[None]:
    """Another process that never rests, where wanted."""
    if not burning:
        yield
        return
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


@app.command()
def table(store: _Store) -> None:
    """Print what was found, and how often the interval held what is known."""
    found = read_store(store)
    rows = Table(title="MiniLM of 6 layers, batch 1, seq 128, onnxruntime")
    for heading in (
        "case",
        "runs",
        "held by the interval",
        "faster",
        "undecided",
        "slower",
        "estimates",
        "± half",
    ):
        rows.add_column(heading)
    for case in CASES:
        results = [cell["found"]["speedup"] for cell in found.values() if cell["part"] == case.name]
        if not results:
            continue
        verdicts = [result["verdict"] for result in results]
        estimates = sorted(result["estimate"] for result in results)
        half = median((result["high"] / result["low"]) ** 0.5 - 1 for result in results)
        rows.add_row(
            case.says,
            str(len(results)),
            str(sum(result["low"] <= case.true <= result["high"] for result in results)),
            *(str(verdicts.count(verdict)) for verdict in ("faster", "undecided", "slower")),
            f"{estimates[0]:.3f} to {estimates[-1]:.3f}",
            f"{half:.1%}",
        )
    Console().print(rows)


if __name__ == "__main__":
    main(app)
