"""What stands where a self-attention lost all its heads."""

from typing import Any

from torch import Tensor, nn


class NoHeads(nn.Module):
    """A self-attention without heads; keeps its (empty) Linears under their names.

    PyTorch's attention is not asked: for no heads, some of its releases divide by zero and end the process.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        for name, child in attention.named_children():
            self.add_module(name, child)
        self.output_projection = "out_lin" in dict(attention.named_children())

    def forward(self, hidden_states: Tensor | None = None, *args: Any, **kwargs: Any) -> tuple[Tensor, None]:
        """[batch, seq, hidden] → the context of no heads, [batch, seq, 0], or its projection; no weights."""
        if hidden_states is None:
            hidden_states = kwargs["query"]  # as DistilBERT has it in transformers 4
        context = hidden_states.new_zeros((*hidden_states.shape[:-1], 0))
        return self.get_submodule("out_lin")(context) if self.output_projection else context, None
