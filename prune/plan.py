"""Scores and a budget in, kept units out: pure functions on numbers.

A unit is one attention head or one feed-forward activation; a higher score is worth keeping more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prune.shape import LayerShape, ModelShape
from trellis.errors import InputError

Kind = Literal["heads", "intermediate"]
"""The two kinds of units: attention heads and feed-forward activations."""

KINDS: tuple[Kind, ...] = ("heads", "intermediate")
UNIT_NAMES: dict[Kind, str] = {"heads": "heads", "intermediate": "feed-forward activations"}

LayerScores = tuple[NDArray[np.float64], ...]
"""One vector per layer, one number per unit."""

Kept = tuple[tuple[int, ...], ...]
"""Per layer, the indices of the units that stay, ascending."""


@dataclass(frozen=True)
class Scores:
    """How much each head and each feed-forward activation matters, by some method."""

    heads: LayerScores
    intermediate: LayerScores

    def to_dict(self) -> dict[str, list[list[float]]]:
        """Plain values, for JSON, which keeps every digit."""
        return {
            "heads": [scores.tolist() for scores in self.heads],
            "intermediate": [scores.tolist() for scores in self.intermediate],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, list[list[float]]]) -> "Scores":
        """Inverse of `to_dict`."""
        heads, intermediate = (
            tuple(np.array(scores, np.float64) for scores in data[kind]) for kind in ("heads", "intermediate")
        )
        return cls(heads, intermediate)


@dataclass(frozen=True)
class Plan:
    """Which heads and which feed-forward activations of each layer stay."""

    heads: Kept
    intermediate: Kept

    @property
    def shape(self) -> ModelShape:
        """The shape of the model after the cut."""
        pairs = zip(self.heads, self.intermediate, strict=True)
        return ModelShape(tuple(LayerShape(len(heads), len(units)) for heads, units in pairs))

    def to_dict(self) -> dict[str, list[list[int]]]:
        """Plain values, for JSON."""
        return {
            "heads": [list(kept) for kept in self.heads],
            "intermediate": [list(kept) for kept in self.intermediate],
        }

    @classmethod
    def from_dict(cls, data: Any) -> "Plan":
        """Inverse of `to_dict`; raises InputError for what is no plan."""
        if not isinstance(data, Mapping) or set(data) != {"heads", "intermediate"}:
            came = sorted(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
            raise InputError(f"A plan has 'heads' and 'intermediate', and nothing else; this has {came}.")
        heads, intermediate = (_kept(data[kind], kind) for kind in ("heads", "intermediate"))
        if len(heads) != len(intermediate):
            raise InputError(
                f"The plan has heads of {len(heads)} layers and activations of {len(intermediate)}."
            )
        return cls(heads, intermediate)


def keep_all(shape: ModelShape) -> Plan:
    """The plan that removes nothing."""
    return Plan(
        tuple(tuple(range(layer.num_heads)) for layer in shape.layers),
        tuple(tuple(range(layer.intermediate_size)) for layer in shape.layers),
    )


def plan_fractions(scores: Scores, *, heads: float, intermediate: float, multiple_of: int = 1) -> Plan:
    """Remove the lowest-scored fraction of all heads and of all activations, whatever layer they are in.

    Exactly round(fraction * units) go, ties by layer, then by index; a layer may lose everything. Widths of
    feed-forward layers are then rounded up to `multiple_of` by putting the best removed units back (a layer
    that lost everything stays empty, and no layer grows beyond what it had). Raises InputError for fractions
    outside [0, 1), a multiple below 1, and scores that are no numbers.
    """
    _check_fraction("heads", heads)
    _check_fraction("feed-forward activations", intermediate)
    _check_multiple(multiple_of)
    return Plan(
        _keep(_ranks(scores.heads), round(heads * _count(scores.heads)), 1),
        _keep(_ranks(scores.intermediate), round(intermediate * _count(scores.intermediate)), multiple_of),
    )


def plan_shape(scores: Scores, shape: ModelShape) -> Plan:
    """Keep in each layer the best-scored units, as many as `shape` says; InputError if it asks for more."""
    current = ModelShape(
        tuple(LayerShape(len(h), len(f)) for h, f in zip(scores.heads, scores.intermediate, strict=True))
    )
    shape.check_within(current)
    head_ranks, unit_ranks = _ranks(scores.heads), _ranks(scores.intermediate)
    return Plan(
        tuple(_best(ranks, layer.num_heads) for ranks, layer in zip(head_ranks, shape.layers, strict=True)),
        tuple(
            _best(ranks, layer.intermediate_size)
            for ranks, layer in zip(unit_ranks, shape.layers, strict=True)
        ),
    )


def plan_above(scores: Scores, threshold: float, *, multiple_of: int = 1) -> Plan:
    """Keep the units whose score is above `threshold`, however many those are; widths as in `plan_fractions`.

    Raises InputError for a multiple below 1, and scores that are no numbers.
    """
    _check_multiple(multiple_of)
    return Plan(
        _keep(_ranks(scores.heads), _count_up_to(scores.heads, threshold), 1),
        _keep(_ranks(scores.intermediate), _count_up_to(scores.intermediate, threshold), multiple_of),
    )


def _check_multiple(multiple_of: int) -> None:
    if multiple_of < 1:
        raise InputError(
            f"Widths are to be multiples of {multiple_of}; expected a whole number of at least 1."
        )


def _kept(data: Any, kind: str) -> Kept:
    if not isinstance(data, list):
        raise InputError(f"The plan's {kind} are a {type(data).__name__}; expected one list for each layer.")
    for layer, indices in enumerate(data):
        is_list = isinstance(indices, list) and all(type(index) is int and index >= 0 for index in indices)
        if not is_list or indices != sorted(set(indices)):
            raise InputError(
                f"The plan's {kind} of layer {layer} are not whole numbers of at least 0, each once and ascending."
            )
    return tuple(tuple(indices) for indices in data)


def _check_fraction(what: str, fraction: float) -> None:
    if not (isinstance(fraction, int | float) and 0 <= fraction < 1):
        raise InputError(f"The fraction of {what} to remove is {fraction}; expected at least 0 and below 1.")


def _ranks(scores: LayerScores) -> tuple[NDArray[np.int64], ...]:
    """Each unit's place in the order of removal over the whole model: 0 goes first."""
    flat = np.concatenate([np.asarray(layer, dtype=np.float64) for layer in scores])
    if np.isnan(flat).any():
        raise InputError("Some scores are not numbers (NaN); the model's loss on these data is not finite.")
    order = np.argsort(flat, kind="stable")  # stable: ties by layer, then by index
    ranks = np.empty(len(flat), dtype=np.int64)
    ranks[order] = np.arange(len(flat))
    return tuple(np.split(ranks, np.cumsum([len(layer) for layer in scores])[:-1]))


def _count(scores: LayerScores) -> int:
    return sum(len(layer) for layer in scores)


def _count_up_to(scores: LayerScores, threshold: float) -> int:
    return sum(int((layer <= threshold).sum()) for layer in scores)


def _keep(ranks: tuple[NDArray[np.int64], ...], removed: int, multiple_of: int) -> Kept:
    kept = []
    for layer in ranks:
        count = int((layer >= removed).sum())
        kept.append(_best(layer, min(len(layer), math.ceil(count / multiple_of) * multiple_of)))
    return tuple(kept)


def _best(ranks: NDArray[np.int64], count: int) -> tuple[int, ...]:
    """Indices of the `count` units of one layer that would be removed last."""
    return tuple(sorted(int(index) for index in np.argsort(ranks)[len(ranks) - count :]))
