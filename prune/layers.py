"""A live model's encoder layers, seen through the architecture table."""

from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from prune.arch import Architecture, Encoder, encoder_of
from prune.shape import LayerShape, ModelShape


@dataclass(frozen=True)
class Layer:
    """The Linears of one encoder layer that cutting narrows. Sizes are read off the Linears themselves."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    attention_output: nn.Linear
    intermediate: nn.Linear
    output: nn.Linear
    head_size: int

    @property
    def num_heads(self) -> int:
        """Heads that this layer has now."""
        return self.query.out_features // self.head_size

    @property
    def intermediate_size(self) -> int:
        """Feed-forward activations that this layer has now."""
        return self.intermediate.out_features


def encoder_and_original(model: PreTrainedModel) -> tuple[Encoder, ModelShape]:
    """The encoder's fixed sizes and the shape before any cut, both from the model's config."""
    return encoder_of(model.config.to_dict())


def layers_of(model: PreTrainedModel) -> list[Layer]:
    """All encoder layers, first to last."""
    encoder, original = encoder_and_original(model)
    parts = encoder.architecture.parts
    names = ("query", "key", "value", "attention_output", "intermediate", "output")
    layers = []
    for index in range(len(original.layers)):
        module = layer_module(model, encoder.architecture, index)
        linears = {name: module.get_submodule(getattr(parts, name)) for name in names}
        layers.append(Layer(head_size=encoder.head_size, **linears))  # type: ignore[arg-type]
    return layers


def layer_module(model: PreTrainedModel, architecture: Architecture, index: int) -> nn.Module:
    """The module that is encoder layer `index`."""
    return model.get_submodule(architecture.layer(index))


def shape_of(model: PreTrainedModel) -> ModelShape:
    """The shape that the model has now, read off its weights."""
    return ModelShape(
        tuple(LayerShape(layer.num_heads, layer.intermediate_size) for layer in layers_of(model))
    )
