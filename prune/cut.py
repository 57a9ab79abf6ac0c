"""Plan and model in, smaller model out: the only rewriter of weights (section "Cutting" of the paper)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.families.block import Side
from prune.families.layers import encoder_and_original, layer_module, layers_of, shape_of
from prune.families.no_heads import NoHeads
from prune.plan import Plan
from prune.shape import ModelShape
from prune.source import SHAPE_KEY
from trellis.errors import InputError


def shrink(model: PreTrainedModel, plan: Plan) -> PreTrainedModel:
    """A copy of `model` without the units that `plan` drops; the model itself stays as it is.

    What computes units loses rows (and its bias entries); what reads them loses columns. Raises InputError
    if the plan names units that the model has not.
    """
    check_plan(plan, shape_of(model))
    encoder, _ = encoder_and_original(model)
    narrow: dict[int, Any] = {}  # deepcopy takes these in place of its own copies of the wide Linears
    for layer, heads, units in zip(layers_of(model), plan.heads, plan.intermediate, strict=True):
        kept: dict[Side, Tensor] = {
            "heads": _head_rows(heads, encoder.head_size, layer.attention_output.weight),
            "activations": torch.tensor(units, dtype=torch.long, device=layer.output.weight.device),
        }
        for name, part in layer.block.linears.items():
            linear = layer.linears[name]
            narrow[id(linear)] = _narrowed(linear, kept.get(part.out), kept.get(part.into))
    smaller = copy.deepcopy(model, narrow)
    settle(smaller)
    return smaller


def resize(model: PreTrainedModel, shape: ModelShape) -> None:
    """Give a freshly built model Linears of the sizes in `shape`, with fresh random weights, in place."""
    encoder, original = encoder_and_original(model)
    shape.check_within(original)
    family, std = encoder.family, model.config.initializer_range
    for index, layer in enumerate(shape.layers):
        module, sides = layer_module(model, family, index), encoder.sides(layer)
        for name, part in family.block.linears.items():
            module.set_submodule(family.parts[name], _fresh(sides[part.into], sides[part.out], std))
    settle(model)


def settle(model: PreTrainedModel) -> None:
    """Make what stands around the Linears agree with their sizes: the config, and the attentions."""
    encoder, original = encoder_and_original(model)
    shape = shape_of(model)
    if shape != original:
        setattr(model.config, SHAPE_KEY, shape.to_dict())
    elif hasattr(model.config, SHAPE_KEY):
        delattr(model.config, SHAPE_KEY)
    family = encoder.family
    for index, layer in enumerate(shape.layers):
        module = layer_module(model, family, index)
        attention = module.get_submodule(family.attention)
        if layer.num_heads:
            heads, width = family.head_counts
            setattr(attention, heads, layer.num_heads)
            setattr(attention, width, layer.num_heads * encoder.head_size)
        elif not isinstance(attention, NoHeads):
            module.set_submodule(family.attention, NoHeads(attention, family.projection))


def check_plan(plan: Plan, shape: ModelShape) -> None:
    """Raise InputError where `plan` keeps what a model of that shape has not."""
    if len(plan.heads) != len(shape.layers) or len(plan.intermediate) != len(shape.layers):
        raise InputError(f"The plan covers {len(plan.heads)} layers; the model has {len(shape.layers)}.")
    for index, layer in enumerate(shape.layers):
        for what, kept, size in (
            ("heads", plan.heads[index], layer.num_heads),
            ("feed-forward activations", plan.intermediate[index], layer.intermediate_size),
        ):
            if list(kept) != sorted(set(kept)) or (kept and not 0 <= kept[0] <= kept[-1] < size):
                raise InputError(
                    f"The plan keeps {what} in layer {index} that are not among its {size}, each once."
                )


def _head_rows(heads: tuple[int, ...], head_size: int, like: Tensor) -> Tensor:
    """Rows of query, key and value that belong to `heads`."""
    starts = torch.tensor(heads, dtype=torch.long, device=like.device) * head_size
    return (starts[:, None] + torch.arange(head_size, device=like.device)).flatten()


def _narrowed(linear: nn.Linear, rows: Tensor | None, columns: Tensor | None) -> nn.Linear:
    """A copy with these rows and columns alone; None: with all of them."""
    weight: Tensor = linear.weight
    bias: Tensor | None = linear.bias
    if rows is not None:
        weight, bias = weight[rows], None if bias is None else bias[rows]
    if columns is not None:
        weight = weight[:, columns]
    return _linear(weight, bias, linear)


def _linear(weight: Tensor, bias: Tensor | None, like: nn.Linear) -> nn.Linear:
    """A Linear of these weights, trained and frozen as `like` is."""
    linear = nn.Linear(1, 1, bias=bias is not None)  # a Linear born with sizes of 0 would warn
    linear.out_features, linear.in_features = weight.shape
    linear.weight = nn.Parameter(weight.detach().clone(), requires_grad=like.weight.requires_grad)
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone(), requires_grad=like.bias.requires_grad)
    return linear.train(like.training)


def _fresh(in_features: int, out_features: int, std: float) -> nn.Linear:
    """A Linear initialised as transformers does it."""
    weight = torch.empty(out_features, in_features).normal_(0, std)
    return _linear(weight, torch.zeros(out_features), nn.Linear(1, 1))
