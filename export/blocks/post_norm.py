"""BERT's layers: each sublayer's output is added to its input, and the sum is normed."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.blocks.block import GraphBlock
from export.dialects.onnxruntime import FusedDialect
from export.dialects.onnxruntime_fp16 import HalfDialect
from export.dialects.portable import PortableDialect
from export.precision.bounds import Bounds
from export.precision.largest import (
    Ellipsoid,
    after_bounded,
    after_linear,
    lengths_by_head,
    linear,
    most,
    normed,
)
from prune.families import block
from prune.families.encoder import Encoder
from prune.shape import ModelShape

Weights = Mapping[str, NDArray[Any]]


def _bounds(encoder: Encoder, shape: ModelShape, weights: Weights) -> Bounds:
    largest: dict[str, float] = {}
    products: dict[str, tuple[str, ...]] = {}
    sums: dict[str, float] = {}
    name = "embeddings/norm"
    hidden = normed(weights, name)
    largest[name] = most(hidden.largest())
    if encoder.embedding_size != encoder.hidden_size:
        products["embeddings/project"] = (name,)
        name = "embeddings/project"
        projection = linear(weights, name)
        largest[name] = most(after_linear(hidden, *projection))
        hidden = hidden.projected(*projection)
    for index, layer in enumerate(shape.layers):
        for part, units in (
            (f"layer.{index}/attention", layer.num_heads),
            (f"layer.{index}/ffn", layer.intermediate_size),
        ):
            if units and part.endswith("attention"):
                largest |= dict(_attention(part, hidden, units, encoder.head_size, weights))
                products |= _attention_products(part, name)
            elif units:
                largest |= dict(_feed_forward(part, hidden, weights))
                products |= {f"{part}/intermediate": (name,), f"{part}/output": (f"{part}/gelu",)}
            update = largest.get(f"{part}/output", _largest_bias(part, weights))
            sums[f"{part}/norm"] = largest[name] + update
            name = f"{part}/norm"
            hidden = normed(weights, name)
            largest[name] = most(hidden.largest())
    return Bounds(largest, products, sums, weights)


def _attention(
    part: str, hidden: Ellipsoid, num_heads: int, head_size: int, weights: Weights
) -> Iterator[tuple[str, float]]:
    lengths = []
    for name in ("query", "key"):
        weight, bias = linear(weights, f"{part}/{name}")
        yield f"{part}/{name}", most(after_linear(hidden, weight, bias))
        lengths.append(lengths_by_head(hidden, weight, bias, num_heads))
    yield f"{part}/scores", most(lengths[0] * lengths[1]) / math.sqrt(head_size)
    value = after_linear(hidden, *linear(weights, f"{part}/value"))
    # probabilities are at most 1, and add up to 1
    yield f"{part}/probabilities", 1.0
    yield f"{part}/value", most(value)
    yield f"{part}/context", most(value)
    yield f"{part}/output", most(after_bounded(value, *linear(weights, f"{part}/output")))


def _attention_products(part: str, hidden: str) -> dict[str, tuple[str, ...]]:
    return {f"{part}/{name}": (hidden,) for name in ("query", "key", "value")} | {
        f"{part}/scores": (f"{part}/query", f"{part}/key"),
        f"{part}/context": (f"{part}/probabilities", f"{part}/value"),
        f"{part}/output": (f"{part}/context",),
    }


def _feed_forward(part: str, hidden: Ellipsoid, weights: Weights) -> Iterator[tuple[str, float]]:
    inner = after_linear(hidden, *linear(weights, f"{part}/intermediate"))
    yield f"{part}/intermediate", most(inner)
    yield f"{part}/gelu", most(inner)  # |GELU(x)| ≤ |x|
    yield f"{part}/output", most(after_bounded(inner, *linear(weights, f"{part}/output")))


def _largest_bias(part: str, weights: Weights) -> float:
    """All there is of a sublayer that lost its units."""
    return float(np.abs(weights[f"{part}/output/bias"]).max(initial=0))


POST_NORM = GraphBlock(
    block.POST_NORM.name,
    {
        "onnxruntime": FusedDialect,
        "onnxruntime-fp16": HalfDialect,
        "onnxruntime-int8": partial(FusedDialect, packed=False),
        "portable": PortableDialect,
    },
    _bounds,
)
