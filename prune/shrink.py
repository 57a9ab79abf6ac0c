"""Plan and model in, smaller model out: the only rewriter of weights (section "Cutting" of the paper)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune import transformers4
from prune.errors import InputError
from prune.layers import encoder_and_original, layer_module, layers_of, shape_of
from prune.no_heads import NoHeads
from prune.plan import Plan
from prune.shape import ModelShape
from prune.source import SHAPE_KEY


def shrink(model: PreTrainedModel, plan: Plan) -> PreTrainedModel:
    """A copy of `model` without the units that `plan` drops; the model itself stays as it is.

    Query, key, value and intermediate lose rows (and their biases entries); the two output projections lose
    columns. Raises InputError if the plan names units that the model has not.
    """
    check_plan(plan, shape_of(model))
    encoder, _ = encoder_and_original(model)
    narrow: dict[int, Any] = {}  # deepcopy takes these in place of its own copies of the wide Linears
    for layer, heads, units in zip(layers_of(model), plan.heads, plan.intermediate, strict=True):
        rows = _head_rows(heads, encoder.head_size, layer.query.weight)
        intermediate = torch.tensor(units, dtype=torch.long, device=layer.output.weight.device)
        for linear in (layer.query, layer.key, layer.value):
            narrow[id(linear)] = _linear(linear.weight[rows], _rows(linear.bias, rows), linear)
        narrow[id(layer.intermediate)] = _linear(
            layer.intermediate.weight[intermediate],
            _rows(layer.intermediate.bias, intermediate),
            layer.intermediate,
        )
        for linear, columns in ((layer.attention_output, rows), (layer.output, intermediate)):
            narrow[id(linear)] = _linear(linear.weight[:, columns], linear.bias, linear)
    smaller = copy.deepcopy(model, narrow)
    settle(smaller)
    return smaller


def resize(model: PreTrainedModel, shape: ModelShape) -> None:
    """Give a freshly built model Linears of the sizes in `shape`, with fresh random weights, in place."""
    encoder, original = encoder_and_original(model)
    shape.check_within(original)
    parts = encoder.architecture.parts
    hidden, std = encoder.hidden_size, model.config.initializer_range
    for index, sizes in enumerate(shape.layers):
        module = layer_module(model, encoder.architecture, index)
        context = sizes.num_heads * encoder.head_size
        for path in (parts.query, parts.key, parts.value):
            module.set_submodule(path, _fresh(hidden, context, std))
        module.set_submodule(parts.attention_output, _fresh(context, hidden, std))
        module.set_submodule(parts.intermediate, _fresh(hidden, sizes.intermediate_size, std))
        module.set_submodule(parts.output, _fresh(sizes.intermediate_size, hidden, std))
    settle(model)


def settle(model: PreTrainedModel) -> None:
    """Make what stands around the Linears agree with their sizes: the config, attentions that have no heads,
    and transformers 4's counts."""
    encoder, original = encoder_and_original(model)
    shape = shape_of(model)
    if shape != original:
        setattr(model.config, SHAPE_KEY, shape.to_dict())
    elif hasattr(model.config, SHAPE_KEY):
        delattr(model.config, SHAPE_KEY)
    path = encoder.architecture.parts.attention
    for index, layer in enumerate(shape.layers):
        module = layer_module(model, encoder.architecture, index)
        attention = module.get_submodule(path)
        if layer.num_heads == 0 and not isinstance(attention, NoHeads):
            module.set_submodule(path, NoHeads(attention))
    if transformers4.IN_USE:
        transformers4.settle(model)


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


def _rows(bias: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if bias is None else bias[rows]


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
