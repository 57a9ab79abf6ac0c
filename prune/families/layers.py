"""A live model's encoder layers, seen as its family describes them."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from prune.families.block import Block
from prune.families.config import encoder_of
from prune.families.encoder import Encoder
from prune.families.family import Family
from prune.shape import LayerShape, ModelShape


@dataclass(frozen=True)
class Layer:
    """The Linears of one encoder layer that cutting narrows. Sizes are read off the Linears themselves."""

    block: Block
    linears: Mapping[str, nn.Linear]
    """By the block's names, such as "attention/query"."""
    head_size: int

    @property
    def attention_output(self) -> nn.Linear:
        """What reads the context of the heads."""
        return self.linears[self.block.reader("heads")]

    @property
    def output(self) -> nn.Linear:
        """What reads the feed-forward activations."""
        return self.linears[self.block.reader("activations")]

    @property
    def num_heads(self) -> int:
        """Heads that this layer has now."""
        return self.attention_output.in_features // self.head_size

    @property
    def intermediate_size(self) -> int:
        """Feed-forward activations that this layer has now."""
        return self.output.in_features


def encoder_and_original(model: PreTrainedModel) -> tuple[Encoder, ModelShape]:
    """The fixed sizes and the shape before any cut, both from the model's config; the task from its class."""
    return encoder_of(model.config.to_dict() | {"architectures": [type(model).__name__]})


def layers_of(model: PreTrainedModel) -> list[Layer]:
    """All encoder layers, first to last."""
    encoder, original = encoder_and_original(model)
    family = encoder.family
    layers = []
    for index in range(len(original.layers)):
        module = layer_module(model, family, index)
        linears = {name: module.get_submodule(family.parts[name]) for name in family.block.linears}
        layers.append(Layer(family.block, linears, encoder.head_size))  # type: ignore[arg-type]
    return layers


def layer_module(model: PreTrainedModel, family: Family, index: int) -> nn.Module:
    """The module that is encoder layer `index`."""
    return model.get_submodule(family.layer(index))


def shape_of(model: PreTrainedModel) -> ModelShape:
    """The shape that the model has now, read off its weights."""
    return ModelShape(
        tuple(LayerShape(layer.num_heads, layer.intermediate_size) for layer in layers_of(model))
    )
