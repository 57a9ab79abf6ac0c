"""A graph under construction: nodes and weights in order, each named after the layer and part it serves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
"""Gelu came with 20; above it, TensorRT's support for masked attention in fp32 ends."""
IR_VERSION = 9
"""The first that may hold opset 20; readable by every onnxruntime that has it."""

BATCH, SEQUENCE = "batch", "sequence"


class Graph:
    """Collects nodes and weights; knows nothing of transformers.

    A node's single output is called like the node, so that profiles and error messages read as places:
    "layer.3/attention/query". Weights are taken from `weights` under their own names.
    """

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._halves: set[str] = set()
        """Tensors of float16."""
        self._casts: dict[tuple[str, int], str] = {}

    def node(
        self, op_type: str, name: str, inputs: Sequence[str], *, domain: str = "", **attributes: Any
    ) -> str:
        """Add a node with one output and return that output's name; "" stands for an absent input."""
        return self.nodes(op_type, name, inputs, [name], domain=domain, **attributes)[0]

    def nodes(
        self,
        op_type: str,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        domain: str = "",
        **attributes: Any,
    ) -> Sequence[str]:
        """Add a node with several outputs and return their names."""
        self._nodes.append(
            helper.make_node(
                op_type, list(inputs), list(outputs), f"{name}/{op_type}", domain=domain, **attributes
            )
        )
        is_half = (
            attributes.get("to") == TensorProto.FLOAT16 if op_type == "Cast" else self._halves & {*inputs}
        )
        self._halves |= {*outputs} if is_half else set()
        return outputs

    def half(self, tensor: str) -> str:
        """The tensor in float16."""
        return tensor if tensor in self._halves else self._cast(tensor, TensorProto.FLOAT16, "half")

    def single(self, tensor: str) -> str:
        """The tensor, one of floats, in float32."""
        return self._cast(tensor, TensorProto.FLOAT, "single") if tensor in self._halves else tensor

    def _cast(self, tensor: str, to: int, name: str) -> str:
        """One cast for all who want it."""
        if (tensor, to) not in self._casts:
            self._casts[tensor, to] = self.node("Cast", f"{tensor}/{name}", [tensor], to=to)
        return self._casts[tensor, to]

    def weight(self, name: str) -> str:
        """A weight as it is."""
        return self.constant(name, self.array(name))

    def matrix(self, name: str) -> str:
        """A Linear's weight, turned from [out, in] to the [in, out] that MatMul wants."""
        return self.constant(name, self.array(name).T)

    def array(self, name: str) -> NDArray[Any]:
        """The numbers of a weight, to compute with while building."""
        return self._weights[name]

    def constant(self, name: str, values: ArrayLike) -> str:
        """Numbers that are part of the graph; the same name always means the same numbers."""
        array = self._constants.setdefault(name, np.asarray(values))
        self._halves |= {name} if array.dtype == np.float16 else set()
        return name

    def integers(self, *values: int) -> str:
        """A vector of int64: a shape, axes, or a slice's bound."""
        return self.constant(f"int64/{','.join(map(str, values))}", np.array(values, dtype=np.int64))

    def finish(
        self, name: str, inputs: Sequence[str], outputs: Sequence[str], output_shape: Sequence[int | str]
    ) -> onnx.ModelProto:
        """The model, its graph of that name: int64 inputs [batch, sequence], and float outputs of that shape."""
        shape = [BATCH, SEQUENCE]
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(each, TensorProto.INT64, shape) for each in inputs],
            [helper.make_tensor_value_info(each, TensorProto.FLOAT, output_shape) for each in outputs],
        )
        domains = {"": OPSET} | {node.domain: 1 for node in self._nodes if node.domain}
        model = helper.make_model(
            graph,
            producer_name="espalier",
            ir_version=IR_VERSION,
            opset_imports=[
                helper.make_opsetid(domain, version) for domain, version in sorted(domains.items())
            ],
        )
        for name, values in self._constants.items():  # last, since make_model copies what it is given
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return model
