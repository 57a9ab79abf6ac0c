"""One step of training gates: draw them, compare the model so gated with the truth, move log α."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original
from prune.gates import Gate, GatedModel
from prune.methods.batches import tensors_of
from prune.methods.l0.hard_concrete import probability_open, sample
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import GateState, Record
from prune.plan import Kind
from prune.tasks.batch import INPUTS
from prune.tasks.learning import learning_of
from prune.tasks.question_answering.stored import StoredWindows
from prune.train.order import epoch_order
from trellis.errors import InputError
from trellis.ranks import Ranks, sum_


@dataclass(frozen=True, eq=False)
class GateTraining:
    """What stays the same over all steps. The model is frozen, in evaluation mode and on its rank's device."""

    model: PreTrainedModel
    gated: GatedModel
    gates: Mapping[Kind, Sequence[Gate]]
    """Those that are trained: one per layer for each kind."""
    windows: StoredWindows
    settings: GateSettings
    pad_token_id: int
    autocast: Callable[[], AbstractContextManager[Any]]
    ranks: Ranks
    steps: int
    """In all."""
    _orders: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """The order of the epoch asked for last."""

    def step(self, state: GateState) -> tuple[GateState, Record]:
        """One update of log α; the state handed in stays as it was.

        Raises InputError where the loss or its gradient is not finite, on all processes alike.
        """
        log_alpha = {kind: values.clone().requires_grad_() for kind, values in state.log_alpha.items()}
        drawn = {kind: sample(log_alpha[kind], self._uniform(kind, state)) for kind in log_alpha}
        loss, gradients = self._task(drawn, self._rows(state.step), state.step)
        rate = self.settings.rate(state.step, self.steps)
        expected, weights, values = {}, {}, {}
        for kind, log in log_alpha.items():
            probabilities = probability_open(log)
            removed = 1 - float(probabilities.detach().mean()) if len(log) else 0.0
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
        self, drawn: Mapping[Kind, Tensor], rows: NDArray[np.int64], step: int
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
            total += loss.detach().cpu().double()
        gradients = {
            kind: torch.cat([_gradient(gate) for gate in gates]) for kind, gates in self.gates.items()
        }
        # One sum over processes for everything: the same bits on all of them, so that they never part.
        flat = sum_(torch.cat([total[None], *gradients.values()]))
        if not flat.isfinite().all():
            raise InputError(
                f"The loss or its gradient is no finite number at step {step + 1} of training gates; train "
                "without mixed precision, or look for weights of the model that are not finite."
            )
        parts = flat[1:].split([len(part) for part in gradients.values()])
        return float(flat[0]), dict(zip(gradients, parts, strict=True))

    def _losses(self, rows: NDArray[np.int64]) -> Tensor:
        batch = self.windows.batch(rows.tolist(), self.pad_token_id)
        tensors = tensors_of(self.model, batch)
        inputs = {name: tensors[name] for name in INPUTS if name in tensors}
        learning = learning_of(encoder_and_original(self.model)[0].task)
        with self.autocast():
            outputs = self.gated(**inputs)
        if not self.settings.distill:
            return learning.label_losses(outputs, tensors)
        with torch.no_grad(), self.autocast(), self.gated.opened():
            whole = self.gated(**inputs)
        return learning.teacher_losses(outputs, whole, tensors, temperature=self.settings.temperature)

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
        if epoch not in self._orders:
            self._orders.clear()
            self._orders[epoch] = epoch_order(
                self.windows.lengths, size, seed=self.settings.seed, epoch=epoch
            )
        return self._orders[epoch][batch * size : (batch + 1) * size]


def _gradient(gate: Gate) -> Tensor:
    """[units], float64 on the CPU; zeros where this process had no rows."""
    gradient = gate.values.grad
    return torch.zeros(gate.units, dtype=torch.float64) if gradient is None else gradient.cpu().double()
