"""The head on an encoder: one Linear after another, in float32, and the outputs under their names."""

import numpy as np

from export.graph.nodes import Graph
from prune.families.encoder import Encoder
from prune.tasks.head import ANSWER, Activation, HeadLinear

_OPERATORS: dict[Activation, str] = {"gelu": "Gelu", "relu": "Relu", "tanh": "Tanh"}


def write_head(graph: Graph, encoder: Encoder, hidden: str) -> None:
    """Write the outputs that the head of `encoder` makes of `hidden`, [batch, sequence, hidden]."""
    head = encoder.head
    states = graph.single(hidden)
    if head.reads == "first token":
        states = graph.node(
            "Gather", f"{ANSWER}/first", [states, graph.constant("int64/first", np.int64(0))], axis=1
        )
    *inner, last = head.linears
    for linear in inner:
        states = _linear(graph, linear, states)
    if len(head.outputs) == 1:
        _linear(graph, last, states, output=head.outputs[0])
        return
    parts = [f"{ANSWER}/{output.removesuffix('_logits')}" for output in head.outputs]
    logits = _linear(graph, last, states)
    columns = graph.nodes("Split", ANSWER, [logits], parts, axis=-1, num_outputs=len(parts))
    for column, output in zip(columns, head.outputs, strict=True):
        graph.node("Squeeze", output, [column, graph.integers(-1)])


def _linear(graph: Graph, linear: HeadLinear, states: str, *, output: str = "") -> str:
    name = linear.name
    products = graph.node("MatMul", f"{name}/matmul", [states, graph.matrix(f"{name}/weight")])
    operands = [products, graph.weight(f"{name}/bias")]
    if linear.activation is None:
        return graph.node("Add", output or name, operands)
    sums = graph.node("Add", name, operands)
    return graph.node(_OPERATORS[linear.activation], output or f"{name}/{linear.activation}", [sums])
