"""How a graph's products are computed: in single precision, or in half precision where that is safe."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from export.nodes import Graph
from export.precision.largest import largest_values
from prune.families.encoder import Encoder
from prune.shape import ModelShape

SAFE = 32000.0
"""What a bound may reach: so far below float16's largest finite number that rounding cannot carry it over, and
that a score with that number taken off is below every other by more than any softmax can see."""


class Arithmetic(Protocol):
    """Writes products into a graph. Everything else is left in the type of what it reads."""

    def linear(self, name: str, hidden: str, *, factor: float = 1.0) -> str:
        """factor · (x Wᵀ + b), with the weights called `name`."""
        ...

    def product(self, name: str, left: str, right: str) -> str:
        """left @ right, both computed by the graph."""
        ...

    def table(self, name: str, values: NDArray[Any]) -> str:
        """Rows to gather from."""
        ...

    def is_half(self, *names: str) -> bool:
        """Whether all of these, products or norms, are computed in half precision."""
        ...


class SinglePrecision:
    """float32 throughout."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def linear(self, name: str, hidden: str, *, factor: float = 1.0) -> str:
        """See Arithmetic."""
        return _linear(self.graph, name, self.graph.single(hidden), factor, np.float32)

    def product(self, name: str, left: str, right: str) -> str:
        """See Arithmetic."""
        return self.graph.node("MatMul", name, [self.graph.single(left), self.graph.single(right)])

    def table(self, name: str, values: NDArray[Any]) -> str:
        """See Arithmetic."""
        return self.graph.constant(name, values)

    def is_half(self, *names: str) -> bool:
        """See Arithmetic."""
        return False


class HalfPrecision:
    """float16 for weights, and for products but those in `unsafe`, which also names the norms that stay in float32."""

    def __init__(self, graph: Graph, unsafe: Iterable[str] = ()) -> None:
        self.graph = graph
        self.unsafe = frozenset(unsafe)
        self._single = SinglePrecision(graph)

    def linear(self, name: str, hidden: str, *, factor: float = 1.0) -> str:
        """See Arithmetic."""
        if name in self.unsafe:
            return self._single.linear(name, hidden, factor=factor)
        return _linear(self.graph, name, self.graph.half(hidden), factor, np.float16)

    def product(self, name: str, left: str, right: str) -> str:
        """See Arithmetic."""
        if name in self.unsafe:
            return self._single.product(name, left, right)
        return self.graph.node("MatMul", name, [self.graph.half(left), self.graph.half(right)])

    def table(self, name: str, values: NDArray[Any]) -> str:
        """See Arithmetic."""
        is_safe = bool(np.abs(values).max(initial=0) <= SAFE)
        return self.graph.constant(name, values.astype(np.float16) if is_safe else values)

    def is_half(self, *names: str) -> bool:
        """See Arithmetic."""
        return self.unsafe.isdisjoint(names)


def unsafe_in_half(
    encoder: Encoder,
    shape: ModelShape,
    weights: Mapping[str, NDArray[Any]],
    largest: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """The products that must stay in float32, as some input could carry them, or what they read, past SAFE.

    Named as in the portable dialect, in the order of the graph. With these left out no product overflows, of
    any text, padding or length. Weights past SAFE count too. `largest`: what `largest_values` gives, where it is
    at hand.
    """
    largest = largest or largest_values(encoder, shape, weights)
    most = {name: max(value, _largest_weight(name, weights)) for name, value in largest.items()}
    read = _read_by_products(encoder, shape)
    return tuple(
        name for name, inputs in read.items() if not all(most[each] <= SAFE for each in (name, *inputs))
    )


def unsafe_norms(
    encoder: Encoder,
    shape: ModelShape,
    weights: Mapping[str, NDArray[Any]],
    largest: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """The layers' norms that must stay in float32, as they, or the residual sums that they read, could pass SAFE.

    Named as in the portable dialect, in the order of the graph; `largest` as for `unsafe_in_half`.
    """
    largest = largest or largest_values(encoder, shape, weights)
    hidden = "embeddings/norm" if encoder.embedding_size == encoder.hidden_size else "embeddings/project"
    unsafe = []
    for index in range(len(shape.layers)):
        for part in (f"layer.{index}/attention", f"layer.{index}/ffn"):
            bias = float(
                np.abs(weights[f"{part}/output/bias"]).max(initial=0)
            )  # all there is of an empty sublayer
            total = largest[hidden] + largest.get(f"{part}/output", bias)
            hidden = f"{part}/norm"
            if max(total, largest[hidden]) > SAFE:
                unsafe.append(hidden)
    return tuple(unsafe)


def _read_by_products(encoder: Encoder, shape: ModelShape) -> dict[str, tuple[str, ...]]:
    """Each product with what it reads from the graph."""
    read: dict[str, tuple[str, ...]] = {}
    hidden = "embeddings/norm"
    if encoder.embedding_size != encoder.hidden_size:
        read["embeddings/project"] = (hidden,)
        hidden = "embeddings/project"
    for index, layer in enumerate(shape.layers):
        part = f"layer.{index}/attention"
        if layer.num_heads:
            read |= {f"{part}/{name}": (hidden,) for name in ("query", "key", "value")}
            read[f"{part}/scores"] = (f"{part}/query", f"{part}/key")
            read[f"{part}/context"] = (f"{part}/probabilities", f"{part}/value")
            read[f"{part}/output"] = (f"{part}/context",)
        hidden, part = f"{part}/norm", f"layer.{index}/ffn"
        if layer.intermediate_size:
            read[f"{part}/intermediate"] = (hidden,)
            read[f"{part}/output"] = (f"{part}/gelu",)
        hidden = f"{part}/norm"
    return read


def _largest_weight(name: str, weights: Mapping[str, NDArray[Any]]) -> float:
    """Of a Linear called `name`; 0 where there is none."""
    found = (weights.get(f"{name}/{part}") for part in ("weight", "bias"))
    return max((float(np.abs(values).max(initial=0)) for values in found if values is not None), default=0.0)


def _linear(graph: Graph, name: str, hidden: str, factor: float, dtype: type[np.floating[Any]]) -> str:
    weight, bias = (
        (graph.array(f"{name}/{part}") * np.float32(factor)).astype(dtype, copy=False)
        if factor != 1 or graph.array(f"{name}/{part}").dtype != dtype
        else graph.array(f"{name}/{part}")
        for part in ("weight", "bias")
    )
    product = graph.node("MatMul", f"{name}/matmul", [hidden, graph.constant(f"{name}/weight", weight.T)])
    return graph.node("Add", name, [product, graph.constant(f"{name}/bias", bias)])
