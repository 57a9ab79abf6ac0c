"""What transformers 4 needs and 5 does not: head counts beside the Linears, and a stand-in for no heads."""

from importlib.metadata import version
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.layers import encoder_and_original, layer_module, layers_of

IN_USE = int(version("transformers").split(".")[0]) < 5


class NoHeads(nn.Module):
    """Stands where a self-attention lost all its heads; keeps its (empty) Linears under their names."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        for name, child in attention.named_children():
            self.add_module(name, child)
        self.output_projection = "out_lin" in dict(attention.named_children())

    def forward(self, hidden_states: Tensor | None = None, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """[batch, seq, hidden] → the context of no heads, [batch, seq, 0], or its projection."""
        if hidden_states is None:
            hidden_states = kwargs["query"]
        context = hidden_states.new_zeros((*hidden_states.shape[:-1], 0))
        if self.output_projection:
            return (self.get_submodule("out_lin")(context), None)[: 1 + bool(kwargs.get("output_attentions"))]
        return context, None


def settle(model: PreTrainedModel) -> None:
    """Tell each self-attention how many heads it has, in place."""
    encoder, _ = encoder_and_original(model)
    path = encoder.architecture.parts.attention
    for index, layer in enumerate(layers_of(model)):
        module = layer_module(model, encoder.architecture, index)
        attention = module.get_submodule(path)
        if layer.num_heads == 0:
            if not isinstance(attention, NoHeads):
                module.set_submodule(path, NoHeads(attention))
        elif hasattr(attention, "n_heads"):
            attention.n_heads = layer.num_heads  # type: ignore[assignment]
            attention.dim = layer.num_heads * encoder.head_size  # type: ignore[assignment]
        else:
            attention.num_attention_heads = layer.num_heads  # type: ignore[assignment]
            attention.all_head_size = layer.num_heads * encoder.head_size  # type: ignore[assignment]
