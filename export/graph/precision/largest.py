"""How large numbers inside an encoder can become, whatever it reads: the arithmetic of bounds from weights alone.

A LayerNorm's output is norm/weight ⊙ n + norm/bias with |n| ≤ √size for every input, and every product of
an encoder starts from one. What follows are the triangle inequality and that of Cauchy and Schwarz. They hold
for every partial sum as well, in any order, so that no accumulator can overflow on the way to a result: of scores
where the query is scaled before the product, as in the portable dialect (Attention scales after it, in float32).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    def projected(self, weight: Floats, bias: Floats) -> "Ellipsoid":
        """The same states after a Linear."""
        return Ellipsoid(self.through(weight), weight @ self.centre + bias, self.radius)

    def largest(self) -> Floats:
        """Of each component: [hidden]."""
        spread = np.abs(self.matrix) if self.matrix.ndim == 1 else np.linalg.norm(self.matrix, axis=1)
        largest: Floats = self.radius * spread + np.abs(self.centre)
        return largest


def after_linear(hidden: Ellipsoid, weight: Floats, bias: Floats) -> Floats:
    """Of each component of weight @ hidden + bias: [out]."""
    spread = np.linalg.norm(hidden.through(weight), axis=1) * hidden.radius
    largest: Floats = spread + np.abs(weight) @ np.abs(hidden.centre) + np.abs(bias)
    return largest


def after_bounded(largest: Floats, weight: Floats, bias: Floats) -> Floats:
    """The same where all that is known of the input is how large each of its components can be: [in]."""
    found: Floats = np.abs(weight) @ largest + np.abs(bias)
    return found


def lengths_by_head(hidden: Ellipsoid, weight: Floats, bias: Floats, num_heads: int) -> Floats:
    """The longest that a head's query or key can be: [heads]."""
    spread = hidden.through(weight).reshape(num_heads, -1, hidden.matrix.shape[-1])
    stretch = np.sqrt(np.linalg.eigvalsh(spread @ spread.transpose(0, 2, 1))[:, -1].clip(0))
    centre = (weight @ hidden.centre + bias).reshape(num_heads, -1)
    lengths: Floats = stretch * hidden.radius + np.linalg.norm(centre, axis=1)
    return lengths


def normed(weights: Weights, name: str) -> Ellipsoid:
    """What the LayerNorm `name` can give."""
    weight, bias = (weights[f"{name}/{part}"].astype(np.float64) for part in ("weight", "bias"))
    return Ellipsoid(weight, bias, math.sqrt(len(weight)))


def linear(weights: Weights, name: str) -> tuple[Floats, Floats]:
    """Weight and bias of the Linear `name`, in double precision."""
    return weights[f"{name}/weight"].astype(np.float64), weights[f"{name}/bias"].astype(np.float64)


def most(values: Floats) -> float:
    """The largest of these."""
    return float(values.max())
