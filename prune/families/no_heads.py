"""What stands where a self-attention lost all its heads."""

from itertools import chain
from typing import Any

from torch import Tensor, nn


class NoHeads(nn.Module):
    """A self-attention without heads; keeps its (empty) Linears under their names.

    PyTorch's attention is not asked: for no heads, some of its releases divide by zero and end the process.
    """

    def __init__(self, attention: nn.Module, projection: str | None) -> None:
        """`projection` names the Linear of `attention` that projects its context, if it has that."""
        super().__init__()
        for name, child in attention.named_children():
            self.add_module(name, child)
        self.projection = projection

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, None]:
        """[batch, seq, hidden] → the context of no heads, [batch, seq, 0], or its projection; no weights.

        Hidden states come first, under names that differ.
        """
        hidden_states = next(chain(args, kwargs.values()))
        context = hidden_states.new_zeros((*hidden_states.shape[:-1], 0))
        return context if self.projection is None else self.get_submodule(self.projection)(context), None
