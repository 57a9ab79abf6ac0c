"""How much faster each operating point is than the uncut model: measured by `bench`, stored beside the cells."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prune.families.encoder import Encoder
from studies.paper.cells import WHOLE
from studies.paper.names import is_whole, training_of
from studies.store import read_store
from trellis.errors import InputError
from trellis.files.json_file import read_json, write_json

_FORMAT = 1
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
    graphs: dict[str, Path] = {}
    for name, cell in cells.items():
        graph = onnx_file(work, name)
        if cell["part"] == "point" and not is_whole(name) and graph.is_file():
            graphs.setdefault(training_of(name)[0], graph)
    (store / "speeds").mkdir(exist_ok=True)
    for name, graph in graphs.items():
        path = store / "speeds" / f"{name}-b{batch}-s{seq}.json"
        if not path.exists():
            say(path.stem)
            write_json(path, _stored(name, _bench(graph, baseline, batch, seq, options)), indent=2)


def read_speeds(store: Path) -> list[Speed]:
    """All stored speeds, by name, then batch, then tokens. Raises InputError where one is damaged."""
    speeds = [_speed(path) for path in (store / "speeds").glob("*.json")]
    return sorted(speeds, key=lambda speed: (speed.name, speed.batch, speed.seq))


def _bench(graph: Path, baseline: Path, batch: int, seq: int, options: Sequence[str]) -> dict[str, Any]:
    """What `bench` found, in its own form."""
    with tempfile.TemporaryDirectory(prefix="espalier-") as scratch:
        results = Path(scratch) / "result.json"
        command = [sys.executable, "-c", _PROGRAM, str(graph), "--baseline", str(baseline)]
        command += ["--batch", str(batch), "--seq", str(seq), "--json", str(results), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"The speed of {graph} was not measured: {done.stderr.strip()}")
        found: dict[str, Any] = read_json(results, "result of bench")
        return found


def _stored(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a result: not the samples, and not where the files lay."""
    (comparison,) = result["comparisons"]
    (point,) = comparison["points"]
    return {
        "format": _FORMAT,
        "name": name,
        **point["candidate"]["load"],
        "speedup": point["speedup"],
        "latencies": {role: point[role] for role in ("baseline", "candidate")},
        "encoder": comparison["baseline"]["encoder"],
        "settings": result["settings"]
        | {key: comparison["candidate"][key] for key in ("runtime", "device", "threads")},
        "environment": result["environment"],
    }


def _speed(path: Path) -> Speed:
    data = read_json(path, "stored speed")
    try:
        if data["format"] != _FORMAT:
            raise InputError(f"it is not in the format {_FORMAT}.")
        return Speed(
            name=str(data["name"]),
            batch=int(data["batch"]),
            seq=int(data["seq"]),
            **{key: float(data["speedup"][key]) for key in ("estimate", "low", "high")},
            encoder=Encoder.from_dict(data["encoder"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no stored speed; remove it and measure it again.") from error
