"""BERT's layers: each sublayer's output is added to its input, and the sum is normed."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.graph.blocks.block import GraphBlock
from export.graph.dialects.onnxruntime import FusedDialect
from export.graph.dialects.onnxruntime_fp16 import HalfDialect
from export.graph.dialects.portable import PortableDialect
from export.graph.precision.bounds import Bounds
from export.graph.precision.largest import (
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
        for part, units, sublayer in (
            (f"layer.{index}/attention", layer.num_heads, _attention),
            (f"layer.{index}/ffn", layer.intermediate_size, _feed_forward),
        ):
            for tensor, value, read in sublayer(part, name, hidden, units, weights) if units else ():
                largest[tensor] = value
                if read:
                    products[tensor] = read
            update = largest.get(f"{part}/output", _largest_bias(part, weights))
            sums[f"{part}/norm"] = largest[name] + update
            name = f"{part}/norm"
            hidden = normed(weights, name)
            largest[name] = most(hidden.largest())
    return Bounds(largest, products, sums, weights)


_Found = Iterator[tuple[str, float, tuple[str, ...]]]
"""Tensors of a sublayer, each with its bound and, if it is a product, what that reads."""


def _attention(part: str, name: str, hidden: Ellipsoid, num_heads: int, weights: Weights) -> _Found:
    lengths = []
    for each in ("query", "key"):
        weight, bias = linear(weights, f"{part}/{each}")
        yield f"{part}/{each}", most(after_linear(hidden, weight, bias)), (name,)
        lengths.append(lengths_by_head(hidden, weight, bias, num_heads))
    value = after_linear(hidden, *linear(weights, f"{part}/value"))
    yield f"{part}/value", most(value), (name,)
    scores = most(lengths[0] * lengths[1]) / math.sqrt(len(value) // num_heads)
    yield f"{part}/scores", scores, (f"{part}/query", f"{part}/key")
    yield f"{part}/probabilities", 1.0, ()  # each at most 1, and all of a query add up to 1
    yield f"{part}/context", most(value), (f"{part}/probabilities", f"{part}/value")
    output = after_bounded(value, *linear(weights, f"{part}/output"))
    yield f"{part}/output", most(output), (f"{part}/context",)


def _feed_forward(part: str, name: str, hidden: Ellipsoid, units: int, weights: Weights) -> _Found:
    inner = after_linear(hidden, *linear(weights, f"{part}/intermediate"))
    yield f"{part}/intermediate", most(inner), (name,)
    yield f"{part}/gelu", most(inner), ()  # |GELU(x)| ≤ |x|
    output = after_bounded(inner, *linear(weights, f"{part}/output"))
    yield f"{part}/output", most(output), (f"{part}/gelu",)


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
