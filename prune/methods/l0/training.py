"""L0: gates are trained to close where the task can do without (the paper's third method).

Each minibatch draws every gate from its hard-concrete distribution; the loss is L_task + λ · E[open gates], and
log α is all that is trained. The model's own weights get no gradient.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original
from prune.gates import Gate, GatedModel
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import GateState, Record, read_state, write_state
from prune.methods.l0.step import GateTraining
from prune.modes import evaluating, frozen, placed
from prune.plan import Kind, LayerScores
from prune.tasks.question_answering.stored import StoredWindows
from trellis.errors import InputError, Parameter
from trellis.ranks import ranks, sum_

Progress = Callable[[Record, int], None]
"""Called after each step with what was seen at it and the number of steps in all."""


@dataclass(frozen=True)
class TrainedGates:
    """What training found: one log α per unit and layer for each kind, and what was seen on the way."""

    log_alpha: Mapping[Kind, LayerScores]
    log: tuple[Record, ...]
    seconds_per_step: float
    """Median over the steps of this process; 0 where all were taken by an earlier one."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "log_alpha": {
                kind: [layer.tolist() for layer in layers] for kind, layers in self.log_alpha.items()
            },
            "log": [asdict(record) for record in self.log],
            "seconds_per_step": self.seconds_per_step,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "TrainedGates":
        """Inverse of `to_dict`."""
        return cls(
            {kind: tuple(map(np.array, layers)) for kind, layers in data["log_alpha"].items()},
            tuple(Record(**record) for record in data["log"]),
            data["seconds_per_step"],
        )


def train_gates(
    model: PreTrainedModel,
    windows: StoredWindows,
    penalties: Mapping[Kind, Penalty],
    settings: GateSettings,
    *,
    pad_token_id: int,
    directory: Path,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    progress: Progress | None = None,
) -> TrainedGates:
    """Train gates on the kinds of units that have a penalty; gates of two kinds are trained jointly.

    `directory`, which is made if need be, keeps the state: where it holds one of an interrupted call with the
    same arguments, training goes on from there to the same result. Under torchrun all processes call this,
    and each works on its share of every batch. The model is given back as it was. Raises InputError where
    there are no windows, or longer ones than the model reads, where memory does not do for a batch, and
    where the loss is no finite number.
    """
    _check(model, windows)
    group, steps = ranks(), settings.steps(len(windows))
    if group.is_main:
        directory.mkdir(parents=True, exist_ok=True)
    with (
        placed(model, group.device),
        frozen(model),
        evaluating(model),
        torch.enable_grad(),
        GatedModel(model, tuple(penalties)) as gated,
    ):
        gates = {
            kind: list(gated.head_gates if kind == "heads" else gated.intermediate_gates)
            for kind in penalties
        }
        state = read_state(directory) or GateState.fresh(
            {kind: sum(gate.units for gate in gates[kind]) for kind in gates},
            penalties,
            settings.initial_log_alpha,
        )
        _check_together(state, directory)
        training = GateTraining(model, gated, gates, windows, settings, pad_token_id, autocast, group, steps)
        seconds: list[float] = []
        saved = time.monotonic()
        while state.step < steps:
            began = time.monotonic()
            try:
                state, record = training.step(state)
            except torch.OutOfMemoryError as error:
                raise InputError(
                    "Memory does not do for {} windows at once on {}; set a lower {}.",
                    *(settings.micro_batch_size or settings.batch_size, group.device),
                    Parameter("micro_batch_size"),
                ) from error
            seconds.append(time.monotonic() - began)
            if progress:
                progress(record, steps)
            if group.is_main and (time.monotonic() - saved > _SAVE_EVERY or state.step == steps):
                write_state(state, directory)
                saved = time.monotonic()
    return TrainedGates(
        {kind: _split(state.log_alpha[kind], gates[kind]) for kind in gates},
        state.log,
        float(np.median(seconds)) if seconds else 0.0,
    )


_SAVE_EVERY = 10.0
"""Seconds between two writings of the state; when it is written does not change what comes out."""


def _check(model: PreTrainedModel, windows: StoredWindows) -> None:
    if not len(windows):
        raise InputError("There is no window to train gates on; give at least one question.")
    longest, room = int(windows.lengths.max()), encoder_and_original(model)[0].max_length
    if longest > room:
        raise InputError(
            f"A window has {longest} tokens and the model reads at most {room}; make the windows shorter."
        )


def _check_together(state: GateState, directory: Path) -> None:
    group = ranks()
    if int(sum_(torch.tensor(state.step))) != group.count * state.step:
        raise InputError(
            f"The processes do not find the same state in {directory}; it must lie where all of them see it."
        )


def _split(values: Tensor, gates: Sequence[Gate]) -> LayerScores:
    return tuple(part.numpy() for part in values.split([gate.units for gate in gates]))
