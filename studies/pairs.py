"""What the studies of speed share: a pair timed and ready to be stored, a graph to time, a command that ends well."""

import sys
from pathlib import Path
from typing import Any

import typer

from bench.graphs import Form, write_graph
from bench.measure.engine_process import WORKER, WorkerDiedError
from bench.measure.environment import environment
from bench.measure.statistics import speedup
from bench.measure.turns import Block, measure
from bench.workload import ROLES, Effort, Load, Role, Workload
from export.runtimes.engine_spec import EngineSpec
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from trellis.errors import InputError


def timed(
    candidate: EngineSpec, baseline: EngineSpec, workload: Workload, effort: Effort, worker: str = WORKER
) -> dict[str, Any]:
    """Time the pair as `bench` does; plain values, raw samples and environment included."""
    place = environment(gpu=False).to_dict()
    loads: list[dict[Role, Load]] = [dict.fromkeys(ROLES, workload)]
    (samples,) = measure(candidate, baseline, loads, effort, worker=worker).samples
    return {
        "environment": place,
        "settings": effort.to_dict(),
        "speedup": speedup(samples.log_ratios, samples.pilot).to_dict(),
        "launches": [{"blocks": [_calls(block) for block in launch.blocks]} for launch in samples.launches],
    }


def _calls(block: Block) -> dict[str, Any]:
    """Seconds of all calls of a block, to the nanosecond of the clock."""
    turns = {
        str(role): [{"seconds": [round(call, 9) for call in turn.seconds]} for turn in block.turns[role]]
        for role in ROLES
    }
    return {"first": block.first, **turns}


def measured_with(effort: Effort) -> dict[str, str]:
    """What numbers of one store must have in common: they are compared, and their intervals too."""
    return {"processor": environment(gpu=False).cpu, "--max-time": f"{effort.seconds:g}"}


def graph_file(path: Path, encoder: Encoder, shape: ModelShape, form: Form) -> Path:
    """`path`, where the graph of random weights is written if it is not there yet."""
    from export.graph.build import random_weights

    if not path.is_file():
        part = path.with_suffix(".part")
        write_graph(encoder, shape, random_weights(encoder, shape), form, part)
        part.rename(path)
    return path


def main(app: typer.Typer) -> None:
    """Run a study's command: what the user can mend is one sentence and exit code 2."""
    try:
        app()
    except (InputError, OSError, WorkerDiedError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
