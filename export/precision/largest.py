"""How large the numbers inside an encoder can become, whatever it reads: bounds from its weights alone.

A LayerNorm's output is norm/weight ⊙ n + norm/bias with |n| ≤ √size for every input, and every product of
an encoder starts from one. What follows are the triangle inequality and that of Cauchy and Schwarz. They hold
for every partial sum as well, in any order, so that no accumulator can overflow on the way to a result: of scores
where the query is scaled before the product, as in the portable dialect (Attention scales after it, in float32).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune.errors import InputError
from prune.families.encoder import Encoder
from prune.shape import ModelShape

Floats = NDArray[np.float64]
Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """All hidden states matrix @ n + centre with |n| ≤ radius; `matrix` is [hidden], if it is diagonal."""

    matrix: Floats
    centre: Floats
    radius: float

    def through(self, weight: Floats) -> Floats:
        """weight @ matrix, [out, size of n]: the same states after a Linear without its bias."""
        return weight * self.matrix if self.matrix.ndim == 1 else weight @ self.matrix

    def largest(self) -> Floats:
        """Of each component: [hidden]."""
        spread = np.abs(self.matrix) if self.matrix.ndim == 1 else np.linalg.norm(self.matrix, axis=1)
        largest: Floats = self.radius * spread + np.abs(self.centre)
        return largest


def largest_values(encoder: Encoder, shape: ModelShape, weights: Weights) -> dict[str, float]:
    """The largest absolute value that a tensor of the graph, or a sum on the way to it, can take.

    By the names that the portable dialect gives the tensors that products read and write, such as
    "layer.3/attention/scores"; `weights` as in prune.families.tensors. Values are above what can happen, never below.
    Raises InputError for weights that are not finite.
    """
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise InputError(
                f"The weight {name} holds numbers that are not finite: the training of this model diverged, or its "
                "file is damaged; give another."
            )
    found: dict[str, float] = {}
    norm = _normed(weights, "embeddings/norm")
    found["embeddings/norm"] = _most(norm.largest())
    hidden, name = norm, "embeddings/norm"
    if encoder.embedding_size != encoder.hidden_size:
        name = "embeddings/project"
        weight, bias = _linear(weights, name)
        found[name] = _most(_after_linear(hidden, weight, bias))
        hidden = Ellipsoid(hidden.through(weight), weight @ hidden.centre + bias, hidden.radius)
    for index, layer in enumerate(shape.layers):
        part = f"layer.{index}/attention"
        if layer.num_heads:
            found |= dict(_attention(part, hidden, layer.num_heads, encoder.head_size, weights))
        hidden = _normed(weights, f"{part}/norm")
        found[f"{part}/norm"] = _most(hidden.largest())
        part = f"layer.{index}/ffn"
        if layer.intermediate_size:
            inner = _after_linear(hidden, *_linear(weights, f"{part}/intermediate"))
            # |GELU(x)| ≤ |x|
            found[f"{part}/intermediate"] = found[f"{part}/gelu"] = _most(inner)
            found[f"{part}/output"] = _most(_after_bounded(inner, *_linear(weights, f"{part}/output")))
        hidden = _normed(weights, f"{part}/norm")
        found[f"{part}/norm"] = _most(hidden.largest())
    return found


def _attention(
    part: str, hidden: Ellipsoid, num_heads: int, head_size: int, weights: Weights
) -> Iterator[tuple[str, float]]:
    lengths = []
    for name in ("query", "key"):
        weight, bias = _linear(weights, f"{part}/{name}")
        yield f"{part}/{name}", _most(_after_linear(hidden, weight, bias))
        lengths.append(_lengths_by_head(hidden, weight, bias, num_heads))
    yield f"{part}/scores", _most(lengths[0] * lengths[1]) / math.sqrt(head_size)
    value = _after_linear(hidden, *_linear(weights, f"{part}/value"))
    # probabilities are at most 1, and add up to 1
    yield f"{part}/probabilities", 1.0
    yield f"{part}/value", _most(value)
    yield f"{part}/context", _most(value)
    yield f"{part}/output", _most(_after_bounded(value, *_linear(weights, f"{part}/output")))


def _after_linear(hidden: Ellipsoid, weight: Floats, bias: Floats) -> Floats:
    """Of each component of weight @ hidden + bias: [out]."""
    spread = np.linalg.norm(hidden.through(weight), axis=1) * hidden.radius
    largest: Floats = spread + np.abs(weight) @ np.abs(hidden.centre) + np.abs(bias)
    return largest


def _after_bounded(largest: Floats, weight: Floats, bias: Floats) -> Floats:
    """The same where all that is known of the input is how large each of its components can be: [in]."""
    found: Floats = np.abs(weight) @ largest + np.abs(bias)
    return found


def _lengths_by_head(hidden: Ellipsoid, weight: Floats, bias: Floats, num_heads: int) -> Floats:
    """The longest that a head's query or key can be: [heads]."""
    spread = hidden.through(weight).reshape(num_heads, -1, hidden.matrix.shape[-1])
    stretch = np.sqrt(np.linalg.eigvalsh(spread @ spread.transpose(0, 2, 1))[:, -1].clip(0))
    centre = (weight @ hidden.centre + bias).reshape(num_heads, -1)
    lengths: Floats = stretch * hidden.radius + np.linalg.norm(centre, axis=1)
    return lengths


def _normed(weights: Weights, name: str) -> Ellipsoid:
    weight, bias = (weights[f"{name}/{part}"].astype(np.float64) for part in ("weight", "bias"))
    return Ellipsoid(weight, bias, math.sqrt(len(weight)))


def _linear(weights: Weights, name: str) -> tuple[Floats, Floats]:
    return weights[f"{name}/weight"].astype(np.float64), weights[f"{name}/bias"].astype(np.float64)


def _most(values: Floats) -> float:
    return float(values.max())
