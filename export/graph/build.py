"""Architecture × ModelShape × numpy weights → ONNX, built directly, node by node. No torch, no tracing.

A dialect writes the parts (embeddings, attention, feed-forward); what is said here is the order of them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.graph.blocks import block_of, bounds_of
from export.graph.head import write_head
from export.graph.nodes import BATCH, SEQUENCE, Graph
from export.graph.precision.arithmetic import Arithmetic, HalfPrecision, SinglePrecision
from export.ports import (
    ATTENTION_MASK,
    INPUT_IDS,
    TOKEN_TYPE_IDS,
    input_names,
    output_names,
    output_shape,
)
from prune.families.encoder import Encoder
from prune.families.tensors import tensors_of
from prune.shape import ModelShape
from trellis.errors import InputError

PRECISIONS = ("fp32", "fp16")
HALF_DIALECTS = ("portable", "onnxruntime-fp16")


def build_graph(
    encoder: Encoder,
    shape: ModelShape,
    weights: Mapping[str, NDArray[Any]],
    *,
    dialect: str = "onnxruntime",
    precision: str = "fp32",
) -> onnx.ModelProto:
    """The graph of an encoder with its head: `input_names` in, `output_names` of `output_shape` out.

    `weights` are named and shaped as in prune.families.tensors. A sublayer with no heads or no activations is its
    output bias, the residual and the norm. In fp16 the types stand in the graph: weights and products in
    float16 where no input can overflow them, the rest in float32 (in the dialect onnxruntime-fp16 residuals and
    norms are in float16 as well). Raises InputError for an unknown dialect or
    precision, for fp16 in a dialect that has none, and for weights that are missing or have
    another shape.
    """
    dialects = block_of(encoder).dialects
    if dialect not in dialects:
        raise InputError(f"The graph dialect is {dialect!r}; expected one of {', '.join(sorted(dialects))}.")
    _check_precision(precision, dialect)
    for name, tensor in tensors_of(encoder, shape).items():
        if name not in weights or weights[name].shape != tensor.shape:
            came = weights[name].shape if name in weights else "missing"
            raise InputError(f"The weight {name} is {came}; the shape calls for {tensor.shape}.")
    graph = Graph(weights)
    arithmetic: Arithmetic = SinglePrecision(graph)
    if precision == "fp16":
        arithmetic = HalfPrecision(graph, kept_in_single(encoder, shape, weights, dialect))
    write = dialects[dialect](graph, encoder, arithmetic)
    hidden = write.embeddings(INPUT_IDS, TOKEN_TYPE_IDS if encoder.takes_token_types else None)
    mask = write.mask(ATTENTION_MASK) if shape.num_heads else ""
    for index, layer in enumerate(shape.layers):
        hidden = write.attention(f"layer.{index}/attention", hidden, mask, layer.num_heads)
        hidden = write.feed_forward(f"layer.{index}/ffn", hidden, layer.intermediate_size)
    write_head(graph, encoder, hidden)
    shape_out = output_shape(encoder, BATCH, SEQUENCE)
    return graph.finish(encoder.task.name, input_names(encoder), output_names(encoder), shape_out)


def kept_in_single(
    encoder: Encoder, shape: ModelShape, weights: Mapping[str, NDArray[Any]], dialect: str
) -> tuple[str, ...]:
    """What a graph in fp16 computes in float32 as it could overflow: products and, where they are in half, norms."""
    bounds = bounds_of(encoder, shape, weights)
    products = bounds.unsafe_products()
    return products if dialect == "portable" else products + bounds.unsafe_norms()


def _check_precision(precision: str, dialect: str) -> None:
    if precision not in PRECISIONS:
        raise InputError(f"The precision is {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    if precision != "fp16" and dialect == "onnxruntime-fp16":
        raise InputError(f"The dialect {dialect} is for fp16; the precision is {precision}.")
    if precision == "fp16" and dialect not in HALF_DIALECTS:
        raise InputError(
            f"fp16 is written in the dialects {' and '.join(HALF_DIALECTS)}, not {dialect}; it is for GPUs."
        )


def random_weights(encoder: Encoder, shape: ModelShape, *, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights of no meaning but sane size, by name: for a twin whose latency, not whose answers, matters."""
    generator = np.random.default_rng(seed)
    weights = {}
    for name, tensor in tensors_of(encoder, shape).items():
        values = generator.standard_normal(tensor.shape, dtype=np.float32) * np.float32(
            encoder.hidden_size**-0.5
        )
        weights[name] = values + np.float32(1) if name.endswith("norm/weight") else values
    return weights
