"""What one encoder layer is made of, by name, and what of it is cut together.

Who cuts, checks, counts or writes a layer reads it here. How a kind of layer computes is known to the graph
writers in export, which go by the block's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Side = Literal["hidden", "heads", "activations"]
"""What the numbers along one side of a weight belong to: the hidden state, which is never cut, the heads, one
after another, or the feed-forward activations."""


@dataclass(frozen=True)
class LinearPart:
    """A Linear with a bias. Cut units take their rows with them where `out` is theirs, columns where `into` is."""

    out: Side
    into: Side


@dataclass(frozen=True)
class NormPart:
    """A LayerNorm with a bias, over the hidden state."""


@dataclass(frozen=True)
class Block:
    """One kind of encoder layer."""

    name: str
    """What the graph writers know it by."""
    parts: Mapping[str, LinearPart | NormPart]
    """In the order of computation. The names are those of the weights in a graph, after "layer.3/"."""
    attention_products: int = 2
    """Products of each token with each other one, as wide as the heads are together: scores and context."""

    @property
    def linears(self) -> dict[str, LinearPart]:
        """The parts that cutting narrows."""
        return {name: part for name, part in self.parts.items() if isinstance(part, LinearPart)}

    def reader(self, side: Side) -> str:
        """The Linear that reads the heads' context, or the activations: what a gate stands in front of."""
        (reader,) = (name for name, part in self.linears.items() if part.into == side)
        return reader


POST_NORM = Block(
    "post-norm",
    {
        "attention/query": LinearPart("heads", "hidden"),
        "attention/key": LinearPart("heads", "hidden"),
        "attention/value": LinearPart("heads", "hidden"),
        "attention/output": LinearPart("hidden", "heads"),
        "attention/norm": NormPart(),
        "ffn/intermediate": LinearPart("activations", "hidden"),
        "ffn/output": LinearPart("hidden", "activations"),
        "ffn/norm": NormPart(),
    },
)
"""BERT's: each sublayer's output is added to its input, and the sum is normed."""
