"""What half precision is trusted with: products and norms that no input can carry past what float16 holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAFE = 32000.0
"""What a bound may reach: so far below float16's largest finite number that rounding cannot carry it over, and
that a score with that number taken off is below every other by more than any softmax can see."""


@dataclass(frozen=True)
class Bounds:
    """How large the numbers in one encoder's graph can become: above what can happen, never below.

    All names are those of the portable dialect, such as "layer.3/attention/scores", in the order of the graph.
    """

    largest: Mapping[str, float]
    """The largest absolute value that a tensor, or a sum on the way to it, can take: of those that products or
    norms read and write."""
    products: Mapping[str, tuple[str, ...]]
    """Each product with what it reads from the graph."""
    sums: Mapping[str, float]
    """The same as `largest` for the residual sums, by the norm that reads the sum."""
    weights: Mapping[str, NDArray[Any]]
    """What the products multiply by: "weight" and "bias" under their names."""

    def unsafe_products(self) -> tuple[str, ...]:
        """The products that must stay in float32, as some input could carry them, or what they read, past SAFE.

        With these left out no product overflows, of any text, padding or length. Weights past SAFE count too.
        """
        most = {name: max(value, self._largest_weight(name)) for name, value in self.largest.items()}
        return tuple(
            name
            for name, inputs in self.products.items()
            if not all(most[each] <= SAFE for each in (name, *inputs))
        )

    def unsafe_norms(self) -> tuple[str, ...]:
        """The layers' norms that must stay in float32, as they, or the sums that they read, could pass SAFE."""
        return tuple(name for name, total in self.sums.items() if max(total, self.largest[name]) > SAFE)

    def _largest_weight(self, name: str) -> float:
        """Of a Linear called `name`; 0 where there is none."""
        found = (self.weights.get(f"{name}/{part}") for part in ("weight", "bias"))
        return max(
            (float(np.abs(values).max(initial=0)) for values in found if values is not None), default=0.0
        )
