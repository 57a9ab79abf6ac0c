"""What graphs need to know of one kind of encoder layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from export.graph.dialects import Dialect
from export.graph.nodes import Graph
from export.graph.precision.arithmetic import Arithmetic
from export.graph.precision.bounds import Bounds
from prune.families.encoder import Encoder
from prune.shape import ModelShape


@dataclass(frozen=True)
class GraphBlock:
    """How layers of one kind are written, and how large the numbers in them can become."""

    name: str
    """As the families' block is called."""
    dialects: Mapping[str, Callable[[Graph, Encoder, Arithmetic], Dialect]]
    """What writes them, by dialect."""
    bounds: Callable[[Encoder, ModelShape, Mapping[str, NDArray[Any]]], Bounds]
    """Of an encoder with these weights, which are finite."""
