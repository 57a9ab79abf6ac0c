"""A model as the sequence of its sublayers: the units of each, what computes them, and what reads them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.families.block import Side
from prune.families.layers import Layer, layers_of
from prune.plan import Plan
from prune.shape import LayerShape, ModelShape


@dataclass(frozen=True)
class Sublayer:
    """The heads or the feed-forward activations of one layer, between the Linears that touch them."""

    layer: int
    side: Side
    """"heads" or "activations"."""
    width: int
    """Columns of the reader for each unit."""
    writers: Mapping[str, nn.Linear]
    """What computes the units, by the block's names: a unit is `width` rows of each."""
    reader: nn.Linear
    """What reads them."""

    @property
    def units(self) -> int:
        """Units that there are now."""
        return self.reader.in_features // self.width

    def kept(self, plan: Plan) -> tuple[int, ...]:
        """Units of it that stay."""
        return (plan.heads if self.side == "heads" else plan.intermediate)[self.layer]

    def columns(self, units: Sequence[int]) -> Tensor:
        """Columns of the reader, and rows of the writers, that belong to `units`, in their order."""
        return columns_of(units, self.width)


def sublayers_of(model: PreTrainedModel) -> list[Sublayer]:
    """All sublayers of `model` in the order of computation."""
    return [sublayer for index, layer in enumerate(layers_of(model)) for sublayer in _of_layer(index, layer)]


def columns_of(units: Sequence[int], width: int) -> Tensor:
    """Indices of the columns of `units`, `width` for each."""
    starts = torch.tensor(units, dtype=torch.long) * width
    return (starts[:, None] + torch.arange(width)).flatten()


def plan_of(sublayers: Sequence[Sublayer], kept: Sequence[Collection[int]]) -> Plan:
    """The plan that keeps, of each sublayer of a model, those units."""
    heads, activations = (
        tuple(
            tuple(sorted(units))
            for sublayer, units in zip(sublayers, kept, strict=True)
            if sublayer.side == side
        )
        for side in ("heads", "activations")
    )
    return Plan(heads, activations)


def shape_with(sublayers: Sequence[Sublayer], counts: Sequence[int]) -> ModelShape:
    """The shape of a model with so many units in each of its sublayers."""
    plan = plan_of(sublayers, [range(count) for count in counts])
    pairs = zip(plan.heads, plan.intermediate, strict=True)
    return ModelShape(tuple(LayerShape(len(heads), len(units)) for heads, units in pairs))


def _of_layer(index: int, layer: Layer) -> list[Sublayer]:
    widths: dict[Side, int] = {"heads": layer.head_size, "activations": 1}
    parts = layer.block.linears
    return [
        Sublayer(
            index,
            part.into,
            widths[part.into],
            {other: layer.linears[other] for other in parts if parts[other].out == part.into},
            layer.linears[name],
        )
        for name, part in parts.items()
        if part.into in widths
    ]
