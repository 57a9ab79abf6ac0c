"""L0: gates are trained to close where the task can do without (the paper's third method).

Each minibatch draws every gate from its hard-concrete distribution; the loss is L_task + λ · E[open gates], and
log α is all that is trained. The model's own weights get no gradient.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from prune.choose import Kind
from prune.choose.batches import tensors_of
from prune.choose.gate_settings import GateSettings
from prune.choose.gate_state import GateState, Record, read_state, write_state
from prune.choose.hard_concrete import probability_open, sample
from prune.choose.penalty import Penalty
from prune.errors import InputError
from prune.gates import Gate, GatedModel
from prune.loss import distillation_losses, task_losses
from prune.modes import evaluating, frozen, placed
from prune.plan import LayerScores
from prune.qa.stored import StoredWindows
from prune.ranks import Ranks, ranks, sum_
from prune.train.order import epoch_order

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

    `directory` keeps the state: where it holds one of an interrupted call with the same arguments, training
    goes on from there to the same result. Under torchrun all processes call this, and each works on its
    share of every batch. The model is given back as it was. Raises InputError where there are no windows.
    """
    if not len(windows):
        raise InputError("There is no window to train gates on; give at least one question.")
    group, steps = ranks(), settings.steps(len(windows))
    with (
        placed(model, group.device),
        frozen(model),
        evaluating(model),
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
        training = _Training(model, gated, gates, windows, settings, pad_token_id, autocast, group, steps)
        seconds: list[float] = []
        saved = time.monotonic()
        while state.step < steps:
            began = time.monotonic()
            state, record = training.step(state)
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


@dataclass(frozen=True, eq=False)
class _Training:
    """What stays the same over all steps."""

    model: PreTrainedModel
    gated: GatedModel
    gates: Mapping[Kind, Sequence[Gate]]
    windows: StoredWindows
    settings: GateSettings
    pad_token_id: int
    autocast: Callable[[], AbstractContextManager[Any]]
    ranks: Ranks
    steps: int

    def step(self, state: GateState) -> tuple[GateState, Record]:
        """One update of log α; the state handed in stays as it was."""
        log_alpha = {kind: values.clone().requires_grad_() for kind, values in state.log_alpha.items()}
        drawn = {kind: sample(log_alpha[kind], self._uniform(kind, state)) for kind in log_alpha}
        loss, gradients = self._task(drawn, self._rows(state.step))
        rate = self.settings.rate(state.step, self.steps)
        expected, weights, values = {}, {}, {}
        for kind, log in log_alpha.items():
            probabilities = probability_open(log)
            removed = 1 - float(probabilities.detach().mean())
            weights[kind] = state.penalties[kind].weight_at(removed, state.step, self.steps)
            # Two roots in one pass: the task's gradient enters at the drawn gates, the penalty's at its sum.
            torch.autograd.backward(
                [drawn[kind], weights[kind] * probabilities.sum()], [gradients[kind], None]
            )
            assert log.grad is not None
            expected[kind] = removed
            values[kind] = log.grad
        record = Record(state.step + 1, loss, expected, weights, rate)
        return state.after(values, record, self.steps), record

    def _task(
        self, drawn: Mapping[Kind, Tensor], rows: NDArray[np.int64]
    ) -> tuple[float, dict[Kind, Tensor]]:
        """Mean loss over all rows of the batch and its gradient at the drawn gates, float64 on the CPU."""
        for kind, gates in self.gates.items():
            parts = drawn[kind].detach().split([gate.units for gate in gates])
            for gate, values in zip(gates, parts, strict=True):
                gate.values.grad = None
                gate.values.data.copy_(values)
        at_once = math.ceil((self.settings.micro_batch_size or len(rows)) / self.ranks.count)
        mine = rows[self.ranks.index :: self.ranks.count]
        total = torch.zeros((), dtype=torch.float64)
        for begin in range(0, len(mine), at_once):
            loss = self._losses(mine[begin : begin + at_once]).sum() / len(rows)
            loss.backward()
            total += loss.detach().double().cpu()
        gradients = {
            kind: torch.cat([_gradient(gate) for gate in gates]) for kind, gates in self.gates.items()
        }
        # One sum over processes for everything: the same bits on all of them, so that they never part.
        flat = sum_(torch.cat([total[None], *gradients.values()]))
        parts = flat[1:].split([len(part) for part in gradients.values()])
        return float(flat[0]), dict(zip(gradients, parts, strict=True))

    def _losses(self, rows: NDArray[np.int64]) -> Tensor:
        batch = self.windows.batch(rows.tolist(), self.pad_token_id)
        tensors = tensors_of(self.model, batch)
        answers = {name: tensors.pop(name) for name in ("start_positions", "end_positions")}
        mask = tensors["attention_mask"]
        with torch.enable_grad(), self.autocast():
            outputs = self.gated(**tensors)
        if not self.settings.distill:
            return task_losses(outputs.start_logits, outputs.end_logits, mask, **answers)
        with torch.no_grad(), self.autocast(), self.gated.opened():
            whole = self.gated(**tensors)
        return distillation_losses(
            outputs.start_logits,
            outputs.end_logits,
            whole.start_logits,
            whole.end_logits,
            mask,
            temperature=self.settings.temperature,
        )

    def _uniform(self, kind: Kind, state: GateState) -> Tensor:
        """Numbers of (0, 1) that depend on seed, kind and step alone: alike on all processes and after a stop."""
        name = (self.settings.seed, len(kind), state.step)
        seed = int(np.random.SeedSequence(name).generate_state(1, np.uint64)[0] >> np.uint64(1))
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(len(state.log_alpha[kind]), generator=generator, dtype=torch.float64)
        return uniform.clamp(1e-9, 1 - 1e-9)

    def _rows(self, step: int) -> NDArray[np.int64]:
        size = self.settings.batch_size
        epoch, batch = divmod(step, math.ceil(len(self.windows) / size))
        return self._order(epoch)[batch * size : (batch + 1) * size]

    @lru_cache(maxsize=1)  # noqa: B019 - one order, and it goes with the training
    def _order(self, epoch: int) -> NDArray[np.int64]:
        size = self.settings.batch_size
        return epoch_order(self.windows.lengths, size, seed=self.settings.seed, epoch=epoch)


def _gradient(gate: Gate) -> Tensor:
    """[units], float64 on the CPU; zeros where this process had no rows."""
    gradient = gate.values.grad
    return torch.zeros(gate.units, dtype=torch.float64) if gradient is None else gradient.double().cpu()


def _split(values: Tensor, gates: Sequence[Gate]) -> LayerScores:
    return tuple(part.numpy() for part in values.split([gate.units for gate in gates]))
