"""What transformers 4 needs and 5 does not: head counts beside the Linears."""

from importlib.metadata import version

from transformers import PreTrainedModel

from prune.layers import encoder_and_original, layer_module, layers_of

IN_USE = int(version("transformers").split(".")[0]) < 5


def settle(model: PreTrainedModel) -> None:
    """Tell each self-attention that has heads how many, in place."""
    encoder, _ = encoder_and_original(model)
    for index, layer in enumerate(layers_of(model)):
        if layer.num_heads == 0:
            continue
        module = layer_module(model, encoder.architecture, index)
        attention = module.get_submodule(encoder.architecture.parts.attention)
        if hasattr(attention, "n_heads"):
            attention.n_heads = layer.num_heads  # type: ignore[assignment]
            attention.dim = layer.num_heads * encoder.head_size  # type: ignore[assignment]
        else:
            attention.num_attention_heads = layer.num_heads  # type: ignore[assignment]
            attention.all_head_size = layer.num_heads * encoder.head_size  # type: ignore[assignment]
