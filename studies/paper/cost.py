"""What a step of each stage costs, in seconds and in memory: gates of either kind, retraining, distilling.

For time the stages take turns in one process, so that the machine's drift falls on all alike; for memory each
runs in a process of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Any, Literal, get_args

import numpy as np
from transformers import PreTrainedModel

from prune.checkpoint import load, random_model
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, shape_of
from prune.methods.l0.penalty import Penalty, paper_weight
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.training import train_gates
from prune.shape import ModelShape
from prune.tasks.question_answering.stored import StoredWindows
from prune.tasks.question_answering.windows import Window
from prune.train.precision import autocast, precision_of
from prune.train.settings import TrainingSettings
from prune.train.trainer import train
from trellis.errors import InputError
from trellis.files.scratch import scratch

Stage = Literal["gates of heads", "gates of activations", "retrain", "distill"]
STAGES: tuple[Stage, ...] = get_args(Stage)

LARGE = {
    "bert-large": Encoder("bert", 30522, 1024, 1024, 64, 512, 2, 0, 1e-12),
    "roberta-large": Encoder("roberta", 50265, 1024, 1024, 64, 514, 1, 1, 1e-5),
}
"""Sizes that need no model directory: random weights cost the same."""


@dataclass(frozen=True)
class Load:
    """What a step works on."""

    model: str
    """A model directory, or one of LARGE."""
    batch: int = 24
    micro_batch: int | None = None
    seq: int = 384
    steps: int = 3
    """In one turn; the first of them does not count."""

    @property
    def name(self) -> str:
        """Of the stored cell."""
        return f"{Path(self.model).name}-b{self.batch}-s{self.seq}"


def cost_of(load: Load, rounds: int) -> dict[str, Any]:
    """All that there is to know, as plain values: seconds, ratio to a step of retraining, peak memory."""
    costs = seconds_per_step(load, rounds)
    stages = {
        stage: {
            "seconds": float(np.median(costs[stage])),
            "turns": costs[stage],
            "against_retraining": ratio(costs, stage, "retrain"),
            "peak_bytes": peak_memory(load, stage),
        }
        for stage in STAGES
    }
    return {"load": asdict(load) | {"model": Path(load.model).name}, "stages": stages}


def seconds_per_step(load: Load, rounds: int) -> dict[Stage, list[float]]:
    """The median step of each turn, [rounds] for each stage; the stages take turns."""
    model = open_model(load.model)
    found: dict[Stage, list[float]] = {stage: [] for stage in STAGES}
    for turn in range(rounds):
        for stage in STAGES if turn % 2 == 0 else reversed(STAGES):
            found[stage].append(_turn(model, stage, load))
    return found


def ratio(costs: dict[Stage, list[float]], stage: Stage, to: Stage) -> tuple[float, float, float]:
    """How many times a step of `to` a step of `stage` takes: geometric mean over the turns, least, largest."""
    ratios = [one / other for one, other in zip(costs[stage], costs[to], strict=True)]
    return geometric_mean(ratios), min(ratios), max(ratios)


def peak_memory(load: Load, stage: Stage) -> int:
    """Bytes that a process needs for a few steps of one stage, all that it loads included."""
    command = [sys.executable, "-m", "studies.paper.cost", json.dumps(asdict(load)), stage]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        how = f"was killed by signal {-done.returncode}" if done.returncode < 0 else "failed"
        told = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise InputError(
            f"A step of {stage} {how} ({told}); a lower --batch, --micro-batch or --seq takes less memory."
        )
    return int(done.stdout.split()[-1])


def open_model(name: str) -> PreTrainedModel:
    """The model of that name with its weights, or of that size with random ones."""
    if name not in LARGE:
        return load(name)
    return random_model(LARGE[name], ModelShape.uniform(24, 16, 4096))


def _turn(model: PreTrainedModel, stage: Stage, load: Load) -> float:
    """Median seconds of a step, over all of a turn but its first."""
    stamps = [time.perf_counter()]

    def stamp(*_: Any) -> None:
        stamps.append(time.perf_counter())

    with scratch() as folder:
        _steps(model, stage, load, folder, stamp)
    return float(np.median(np.diff(stamps)[1:]))


def _steps(
    model: PreTrainedModel, stage: Stage, load: Load, directory: Path, progress: Callable[..., None]
) -> None:
    encoder, _ = encoder_and_original(model)
    windows = StoredWindows.of(_windows(encoder, load))
    precision = precision_of("auto", model.dtype)
    if stage.startswith("gates"):
        shape = shape_of(model)
        penalty = (
            {"heads": Penalty(paper_weight("heads", shape.num_heads, 1))}
            if stage == "gates of heads"
            else {"intermediate": Penalty(paper_weight("intermediate", shape.intermediate_size, 1))}
        )
        train_gates(
            model,
            windows,
            penalty,  # type: ignore[arg-type]
            GateSettings(batch_size=load.batch, micro_batch_size=load.micro_batch),
            pad_token_id=encoder.pad_token_id,
            directory=directory,
            autocast=lambda: autocast(precision),
            progress=progress,
        )
        return
    settings = TrainingSettings(
        batch_size=load.batch,
        micro_batch_size=load.micro_batch,
        learning_rate=0.0,
        weight_decay=0.0,
        held_out=0.0,
        save_every=None,
        dropout=0.0,
    )
    train(
        model,
        windows,
        settings,
        pad_token_id=encoder.pad_token_id,
        directory=directory,
        teacher=open_model(load.model) if stage == "distill" else None,
        progress=progress,
    )


def _windows(encoder: Encoder, load: Load) -> Iterator[tuple[int, Window]]:
    """Full windows of random tokens, for as many steps as are to be made."""
    generator = np.random.default_rng(0)
    for number in range(load.batch * load.steps):
        ids = generator.integers(encoder.pad_token_id + 1, encoder.vocab_size, load.seq, dtype=np.int32)
        types = np.zeros(load.seq, np.int32) if encoder.family.has_token_types else None
        start = int(generator.integers(1, load.seq - 8))
        yield number, Window(number, ids, types, np.empty((0, 2), np.int32), start, start + 3)


def _peak_bytes() -> int:
    """Of this process alone: what getrusage tells begins with the peak of the process that started it."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")
    )
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    wanted = Load(**json.loads(sys.argv[1]))
    stage_wanted: Any = sys.argv[2]
    _turn(open_model(wanted.model), stage_wanted, wanted)
    print(_peak_bytes())
