"""How much faster each operating point is than the uncut model: measured by `bench`, stored as cells."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prune.families.encoder import Encoder
from studies.paper.cells import SPEED, WHOLE
from studies.paper.names import is_whole, training_of
from studies.store import Cell, prepare_store, read_store, write_cell
from trellis.errors import InputError
from trellis.files.json_file import read_json
from trellis.files.scratch import scratch

_PROGRAM = "from trellis.cli.bench.command import main; main()"


@dataclass(frozen=True)
class Speed:
    """How many times faster than the uncut model, with the 95 % interval, at one operating point of `bench`."""

    name: str
    """Of the cut, however training went on: the same shape takes the same time."""
    batch: int
    seq: int
    """Tokens."""
    estimate: float
    low: float
    high: float
    encoder: Encoder


def measure_speeds(
    store: Path,
    work: Path,
    batch: int,
    seq: int,
    options: Sequence[str] = (),
    say: Callable[[str], None] = lambda name: None,
) -> None:
    """Measure every stored cut whose graph lies in `work` and whose speed is not stored yet, one at a time.

    `options` go to `bench` as they are. Raises InputError where the uncut model's graph is not there, or
    `bench` cannot serve.
    """
    cells = read_store(store)
    from studies.paper.run import onnx_file  # loads torch

    baseline = onnx_file(work, WHOLE)
    if not baseline.is_file():
        raise InputError(f"There is no uncut model at {baseline}; name the --work that the study ran in.")
    prepare_store(store)
    graphs: dict[str, Path] = {}
    for name, cell in cells.items():
        graph = onnx_file(work, name)
        if cell["part"] == "point" and not is_whole(name) and graph.is_file():
            graphs.setdefault(training_of(name)[0], graph)
    for name, graph in graphs.items():
        stored_as = f"{name}-b{batch}-s{seq}"
        if stored_as not in cells:
            say(stored_as)
            write_cell(store, stored_as, SPEED, [], _kept(name, _bench(graph, baseline, batch, seq, options)))


def read_speeds(store: Path) -> list[Speed]:
    """All stored speeds, by name, then batch, then tokens.

    Raises InputError where one is damaged, or `store` holds nothing at all.
    """
    speeds = [_speed(cell) for cell in read_store(store).values() if cell.get("part") == SPEED]
    return sorted(speeds, key=lambda speed: (speed.name, speed.batch, speed.seq))


def _bench(graph: Path, baseline: Path, batch: int, seq: int, options: Sequence[str]) -> dict[str, Any]:
    """What `bench` found, in its own form."""
    with scratch() as folder:
        results = folder / "result.json"
        command = [sys.executable, "-c", _PROGRAM, str(graph), "--baseline", str(baseline)]
        command += ["--batch", str(batch), "--seq", str(seq), "--json", str(results), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"The speed of {graph} was not measured: {done.stderr.strip()}")
        found: dict[str, Any] = read_json(results, "result of bench")
        return found


def _kept(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a result: not the samples, and not where the files lay."""
    (comparison,) = result["comparisons"]
    (point,) = comparison["points"]
    return {
        "name": name,
        **point["candidate"]["load"],
        "speedup": point["speedup"],
        "latencies": {role: point[role] for role in ("baseline", "candidate")},
        "encoder": comparison["baseline"]["encoder"],
        "settings": result["settings"]
        | {key: comparison["candidate"][key] for key in ("runtime", "device", "threads")},
        "environment": result["environment"],
    }


def _speed(cell: Cell) -> Speed:
    try:
        data = cell["found"]
        return Speed(
            name=str(data["name"]),
            batch=int(data["batch"]),
            seq=int(data["seq"]),
            **{key: float(data["speedup"][key]) for key in ("estimate", "low", "high")},
            encoder=Encoder.from_dict(data["encoder"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The stored cell {cell['name']} is no speed; name another --store.") from error
