"""The form in which a graph serves a runtime best."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

GraphPrecision = Literal["fp32", "fp16", "int8"]
Scheme = Literal["dynamic", "static", "static symmetric"]
"""Ranges of int8: found for each input, or fixed beforehand, with a zero point or without."""


@dataclass(frozen=True)
class Forms:
    """What a graph for one runtime is written in."""

    dialects: Mapping[GraphPrecision, str]
    """For each precision that the runtime gains from, the dialect of ONNX to write."""
    int8: Scheme
    """How int8 is done there."""


PORTABLE = Forms(dict.fromkeys(("fp32", "fp16", "int8"), "portable"), "static symmetric")
"""What every runtime reads, and what TensorRT wants: int8 ranges with zero in their middle."""
