"""How a graph's products are computed: in single precision, or in half precision where that is safe."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from export.graph.nodes import Graph
from export.graph.precision.bounds import SAFE


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


def _linear(graph: Graph, name: str, hidden: str, factor: float, dtype: type[np.floating[Any]]) -> str:
    weight, bias = (
        (graph.array(f"{name}/{part}") * np.float32(factor)).astype(dtype, copy=False)
        if factor != 1 or graph.array(f"{name}/{part}").dtype != dtype
        else graph.array(f"{name}/{part}")
        for part in ("weight", "bias")
    )
    product = graph.node("MatMul", f"{name}/matmul", [hidden, graph.constant(f"{name}/weight", weight.T)])
    return graph.node("Add", name, [product, graph.constant(f"{name}/bias", bias)])
