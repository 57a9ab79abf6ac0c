"""The yardstick: the same model with layers left out, which anybody could distill instead of pruning."""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel

from prune.checkpoint import load_source, load_tokenizer, save
from prune.families.layers import encoder_and_original, shape_of
from prune.families.tensors import tensors_of
from prune.shape import ModelShape
from prune.source import open_source
from prune.stock import stock_class
from trellis.errors import InputError


def write_smaller(model: str, directory: Path) -> None:
    """Write a model directory of `model` with its layers 0, 2, 4, ... alone. Raises InputError."""
    source = open_source(model)
    whole = load_source(source)
    smaller = with_layers(whole, range(0, len(source.shape.layers), 2))
    save(smaller, load_tokenizer(source.directory, source.encoder), directory)


def with_layers(model: PreTrainedModel, kept: Sequence[int]) -> PreTrainedModel:
    """A new model of the layers `kept` of `model`, an uncut one, in that order. Raises InputError."""
    encoder, original = encoder_and_original(model)
    if shape_of(model) != original:
        raise InputError("The model is already cut; leave layers out of an uncut one.")
    config = copy.deepcopy(model.config)
    setattr(config, encoder.family.keys.num_layers, len(kept))
    smaller: PreTrainedModel = stock_class(encoder)(config)
    shape = ModelShape(tuple(original.layers[index] for index in kept))
    theirs, ours = tensors_of(encoder, original), tensors_of(encoder, shape)
    weights, taken = smaller.state_dict(), model.state_dict()
    with torch.no_grad():
        for name, tensor in ours.items():
            weights[tensor.key].copy_(taken[theirs[_original_name(name, kept)].key])
    smaller.eval()
    return smaller


def _original_name(name: str, kept: Sequence[int]) -> str:
    """layer.1/... of the smaller model is layer.kept[1]/... of the whole one; other names stay."""
    layer, _, rest = name.partition("/")
    if not layer.startswith("layer."):
        return name
    return f"layer.{kept[int(layer.removeprefix('layer.'))]}/{rest}"
