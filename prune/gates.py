"""One gate vector per sublayer, applied to a model without touching transformers' code.

A gate multiplies what a consuming Linear reads: the context of each head before the attention's output
projection, and each feed-forward activation after GELU (section "Gates" of the paper). The gates are
registered parameters of the wrapping module; a forward pre-hook on each consuming Linear applies them.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.families.layers import layers_of
from prune.plan import KINDS, Kind, Plan


class Gate(nn.Module):
    """Multiplies `units` slices of the last axis, each `width` wide.

    `values` is [units], or [batch, 1, units] where every example has gates of its own.
    """

    def __init__(self, units: int, width: int, like: Tensor) -> None:
        super().__init__()
        self.units = units
        self.width = width
        self.bypassed = False
        self.values = nn.Parameter(torch.ones(units, dtype=like.dtype, device=like.device))

    def forward(self, inputs: Tensor) -> Tensor:
        """[batch, seq, units * width] → the same, gated."""
        if self.bypassed:
            return inputs
        slices = inputs.view(*inputs.shape[:-1], self.units, self.width)
        return (slices * self.values.unsqueeze(-1)).view(inputs.shape)


class GatedModel(nn.Module):
    """A question-answering model with a gate on every head and every feed-forward activation.

    Where only one of the `kinds` of units is gated, the sequence of the other's gates is empty.

    All gates start open (1), where the gated model computes what the model does. Usable as a context
    manager; leaving it, or `remove()`, takes the hooks off the model again.
    """

    def __init__(self, model: PreTrainedModel, kinds: Collection[Kind] = KINDS) -> None:
        super().__init__()
        self.model = model
        layers = layers_of(model)
        heads = layers if "heads" in kinds else []
        intermediate = layers if "intermediate" in kinds else []
        linears = [layer.attention_output for layer in heads] + [layer.output for layer in intermediate]
        self.head_gates: Sequence[Gate] = nn.ModuleList(  # type: ignore[assignment]
            Gate(layer.num_heads, layer.head_size, layer.attention_output.weight) for layer in heads
        )
        self.intermediate_gates: Sequence[Gate] = nn.ModuleList(  # type: ignore[assignment]
            Gate(layer.intermediate_size, 1, layer.output.weight) for layer in intermediate
        )
        self._hooks = [
            linear.register_forward_pre_hook(_applying(gate))
            for linear, gate in zip(linears, self.gates(), strict=True)
        ]

    def forward(self, **inputs: Tensor) -> Any:
        """The model's own forward; takes and returns what it does."""
        return self.model(**inputs)

    def set_plan(self, plan: Plan) -> None:
        """Open the gates of the units that `plan` keeps and close all others."""
        for gates, kept in ((self.head_gates, plan.heads), (self.intermediate_gates, plan.intermediate)):
            for gate, indices in zip(gates, kept, strict=True):
                values = torch.zeros_like(gate.values)
                values[list(indices)] = 1
                gate.values.data.copy_(values)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """All gates open within: the model computes what it does without them."""
        for gate in self.gates():
            gate.bypassed = True
        try:
            yield
        finally:
            for gate in self.gates():
                gate.bypassed = False

    def gates(self) -> list[Gate]:
        """All gates: heads of all layers first, then feed-forward activations of all layers."""
        return [*self.head_gates, *self.intermediate_gates]

    def remove(self) -> None:
        """Take the hooks off; the model is as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def __enter__(self) -> "GatedModel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def _applying(gate: Gate) -> Any:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (gate(inputs[0]), *inputs[1:])

    return hook
