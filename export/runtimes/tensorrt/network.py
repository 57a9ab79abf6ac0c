"""An ONNX file → TensorRT's network, and what can be said of it before an engine is built.

An engine tells what it holds only where there is a GPU; the network, from which it is built, tells it anywhere.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.runtimes.tensorrt.library import Library, shortened
from trellis.errors import InputError

DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "BF16": "bfloat16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "UINT8": "uint8",
    "FP8": "float8",
    "INT4": "int4",
    "FP4": "float4",
}
"""TensorRT's names of number types → ours."""
MOST_ERRORS = 3
"""Nodes of a file that an error names."""


@dataclass(frozen=True)
class Tensor:
    """An input or output."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    """-1 where the size is a profile's to say."""


@dataclass(frozen=True)
class Layer:
    """A layer of a network: what it does, by TensorRT's name, and the tensors around it."""

    kind: str
    inputs: tuple[tuple[str, str], ...]
    """(name, dtype) of each."""
    outputs: tuple[tuple[str, str], ...]


def parse_network(library: Library, builder: Any, path: Path) -> Any:
    """The network of an ONNX file, every tensor in the type that the file gives it.

    Weights beside the file are found. Raises InputError, naming the nodes, where the library does not read it.
    """
    trt = library.module
    # Always so from TensorRT 11 on and in TensorRT for RTX, where the flag does nothing.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, library.log)
    with library.heard() as messages:
        parsed = parser.parse_from_file(str(path.absolute()))
    if not parsed or parser.num_errors:
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        told = _told(errors) or shortened(*(text for _, text in messages)) or "it does not say why"
        raise InputError(
            f"{library.title} does not read {path}: {told}. Export it again: prune-export ... --target portable."
        )
    return network


def inputs_and_outputs(network: Any) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The network's inputs and its outputs, in its own order."""
    return (
        tuple(_tensor(network.get_input(index)) for index in range(network.num_inputs)),
        tuple(_tensor(network.get_output(index)) for index in range(network.num_outputs)),
    )


def layers_of(network: Any) -> list[Layer]:
    """The network's layers as plain values, in the order of the graph."""
    found = []
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        inputs = (layer.get_input(each) for each in range(layer.num_inputs))  # None: one that is left out
        outputs = (layer.get_output(each) for each in range(layer.num_outputs))
        named = [
            tuple((tensor.name, _dtype(tensor)) for tensor in tensors if tensor is not None)
            for tensors in (inputs, outputs)
        ]
        found.append(Layer(layer.type.name, *named))
    return found


def layers_by_dtype(layers: Sequence[Layer]) -> dict[str, int]:
    """How many layers compute a tensor of each type; constants are left out."""
    return _counted(layer.outputs[0][1] for layer in layers if layer.outputs and layer.kind != "CONSTANT")


def products_by_dtype(layers: Sequence[Layer]) -> dict[str, int]:
    """How many matrix products there are of operands of each type.

    The type is that of what the operands are quantized to where both are, whatever lies between that is no
    more than another order of the same numbers: such a product the library may compute in that type.
    """
    makers = {name: layer for layer in layers for name, _ in layer.outputs}
    products = (layer for layer in layers if layer.kind == "MATRIX_MULTIPLY")
    return _counted(_product_dtype(layer, makers) for layer in products)


def _product_dtype(product: Layer, makers: Mapping[str, Layer]) -> str:
    stored = {_stored_dtype(name, dtype, makers) for name, dtype in product.inputs}
    return stored.pop() if len(stored) == 1 else product.inputs[0][1]


def _stored_dtype(name: str, dtype: str, makers: Mapping[str, Layer]) -> str:
    """The type that a tensor had before it was dequantized, if it was."""
    maker = makers.get(name)
    while maker is not None and maker.kind in ("SHUFFLE", "DEQUANTIZE"):
        if maker.kind == "DEQUANTIZE":
            return maker.inputs[0][1]
        maker = makers.get(maker.inputs[0][0])
    return dtype


def _told(errors: Sequence[Any]) -> str:
    """What the parser said, once for each thing that is wrong."""
    told = [shortened(f"{error.node_name()} ({error.node_operator()}): {error.desc()}") for error in errors]
    rest = len(told) - MOST_ERRORS
    return "; ".join(told[:MOST_ERRORS]) + (f"; and {rest} more" if rest > 0 else "")


def _counted(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _tensor(tensor: Any) -> Tensor:
    return Tensor(tensor.name, _dtype(tensor), tuple(tensor.shape))


def _dtype(tensor: Any) -> str:
    name: str = tensor.dtype.name
    return DTYPES.get(name, name.lower())
