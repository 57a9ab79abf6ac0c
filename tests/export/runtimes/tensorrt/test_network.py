"""What TensorRT makes of number types in a graph: what it takes as it is, and what it refuses by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from export.runtimes.tensorrt.background import build_plan
from export.runtimes.tensorrt.library import find_library
from export.runtimes.tensorrt.network import (
    Layer,
    inputs_and_outputs,
    layers_by_dtype,
    layers_of,
    parse_network,
    products_by_dtype,
)
from trellis.errors import InputError

pytest.importorskip("tensorrt_rtx_bindings")
LIBRARY = find_library("rtx")
SIZE = 32
Node = tuple[str, Sequence[str], str, dict[str, Any]]

HALF = np.float16
WEIGHT: NDArray[np.float32] = np.linspace(-1, 1, SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
QUANTIZED = (WEIGHT * 127).astype(np.int8)
INT8: dict[str, ArrayLike] = {"x_scale": np.float32(0.05), "x_zero": np.int8(0), "weight_q": QUANTIZED}
PER_CHANNEL = INT8 | {
    "weight_scale": np.full(SIZE, 1 / 127, np.float32),
    "weight_zero": np.zeros(SIZE, np.int8),
}
X_ROUND_TRIP: list[Node] = [
    ("QuantizeLinear", ["x", "x_scale", "x_zero"], "x_q", {}),
    ("DequantizeLinear", ["x_q", "x_scale", "x_zero"], "x_d", {}),
]
WEIGHT_PER_CHANNEL: Node = (
    "DequantizeLinear",
    ["weight_q", "weight_scale", "weight_zero"],
    "weight",
    {"axis": 1},
)
PRODUCT: Node = ("MatMul", ["x_d", "weight"], "y", {})


def write_graph(path: Path, nodes: Sequence[Node], constants: dict[str, ArrayLike]) -> Path:
    """x → y, both float32 [batch, SIZE]."""
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [output], name=output, **more) for op, inputs, output, more in nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", SIZE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", SIZE])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)
    return path


def built(path: Path) -> tuple[list[Layer], bool]:
    """The layers of the file's network, and whether an engine is built of it."""
    builder = LIBRARY.started("Builder")
    network = parse_network(LIBRARY, builder, path)
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    profile.set_shape("x", (1, SIZE), (4, SIZE), (8, SIZE))
    config.add_optimization_profile(profile)
    return layers_of(network), build_plan(LIBRARY, builder, network, config) is not None


BUILT: dict[str, tuple[str, list[Node], dict[str, ArrayLike]]] = {
    "half precision between casts": (
        "float16",
        [
            ("Cast", ["x"], "x_half", {"to": TensorProto.FLOAT16}),
            ("MatMul", ["x_half", "weight"], "product", {}),
            ("Add", ["product", "bias"], "sum", {}),
            ("Cast", ["sum"], "y", {"to": TensorProto.FLOAT}),
        ],
        {"weight": WEIGHT.astype(HALF), "bias": np.zeros(SIZE, HALF)},
    ),
    "int8, one scale": (
        "int8",
        [*X_ROUND_TRIP, ("DequantizeLinear", ["weight_q", "x_scale", "x_zero"], "weight", {}), PRODUCT],
        INT8,
    ),
    "int8, a scale for each channel": ("int8", [*X_ROUND_TRIP, WEIGHT_PER_CHANNEL, PRODUCT], PER_CHANNEL),
    "int8, weight transposed after it is dequantized": (
        "int8",
        [
            *X_ROUND_TRIP,
            ("DequantizeLinear", ["weight_q", "weight_scale", "weight_zero"], "weight", {"axis": 0}),
            ("Transpose", ["weight"], "weight_t", {"perm": [1, 0]}),
            ("MatMul", ["x_d", "weight_t"], "y", {}),
        ],
        PER_CHANNEL,
    ),
    "int8 between casts to half precision": (
        "int8",
        [
            ("Cast", ["x"], "x_half", {"to": TensorProto.FLOAT16}),
            ("QuantizeLinear", ["x_half", "scale", "x_zero"], "x_q", {}),
            ("DequantizeLinear", ["x_q", "scale", "x_zero"], "x_d", {}),
            ("DequantizeLinear", ["weight_q", "scale", "x_zero"], "weight", {}),
            ("MatMul", ["x_d", "weight"], "product", {}),
            ("Cast", ["product"], "y", {"to": TensorProto.FLOAT}),
        ],
        INT8 | {"scale": HALF(0.05)},
    ),
    "int8 weights alone": (
        "float32",
        [WEIGHT_PER_CHANNEL, ("MatMul", ["x", "weight"], "y", {})],
        PER_CHANNEL,
    ),
}

REFUSED: dict[str, tuple[str, list[Node], dict[str, ArrayLike]]] = {
    "types that differ": (
        r"y \(Add\): .*must have same input types",
        [
            ("Cast", ["x"], "x_half", {"to": TensorProto.FLOAT16}),
            ("Add", ["x_half", "bias"], "y", {}),
        ],
        {"bias": np.zeros(SIZE, np.float32)},
    ),
    "a norm in half precision with weights in single": (
        r"norm \(LayerNormalization\): .*must have identical types",
        [
            ("Cast", ["x"], "x_half", {"to": TensorProto.FLOAT16}),
            ("LayerNormalization", ["x_half", "scale", "bias"], "norm", {"axis": -1}),
            ("Cast", ["norm"], "y", {"to": TensorProto.FLOAT}),
        ],
        {"scale": np.ones(SIZE, np.float32), "bias": np.zeros(SIZE, np.float32)},
    ),
    "a zero point that is not zero": (
        r"x_q \(QuantizeLinear\): .*Non-zero zero point is not supported",
        [*X_ROUND_TRIP, WEIGHT_PER_CHANNEL, PRODUCT],
        PER_CHANNEL | {"x_zero": np.int8(3)},
    ),
    "uint8": (
        r"x_q \(QuantizeLinear\): .*Non-zero zero point is not supported",
        [*X_ROUND_TRIP, WEIGHT_PER_CHANNEL, PRODUCT],
        PER_CHANNEL | {"x_zero": np.uint8(128)},
    ),
}


@pytest.mark.parametrize("case", BUILT)
def test_precision_is_in_the_graph(tmp_path: Path, case: str) -> None:
    dtype, nodes, constants = BUILT[case]
    layers, is_built = built(write_graph(tmp_path / "out.onnx", nodes, constants))
    assert products_by_dtype(layers) == {dtype: 1}
    assert is_built
    assert sum(layers_by_dtype(layers).values()) == sum(layer.kind != "CONSTANT" for layer in layers)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_by_name(tmp_path: Path, case: str) -> None:
    told, nodes, constants = REFUSED[case]
    path = write_graph(tmp_path / "out.onnx", nodes, constants)
    with pytest.raises(InputError, match=rf"TensorRT for RTX [0-9.]+ does not read .*out\.onnx: {told}"):
        built(path)


def test_scales_that_are_found_while_running_are_refused(tmp_path: Path) -> None:
    """onnxruntime's dynamic int8."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["x_q", "x_scale", "x_zero"], name="quantize"),
        helper.make_node("MatMulInteger", ["x_q", "weight", "x_zero"], ["product"], name="product"),
        helper.make_node("Cast", ["product"], ["y"], to=TensorProto.FLOAT),
    ]
    path = write_graph(tmp_path / "out.onnx", [], {"weight": QUANTIZED})
    model = onnx.load(path)
    model.graph.node.extend(nodes)
    onnx.save(model, path)
    with pytest.raises(
        InputError, match=r"quantize \(DynamicQuantizeLinear\): .*; product \(MatMulInteger\): "
    ):
        built(path)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    nodes = [
        helper.make_node(
            "Odd", ["x"], ["y" if index == 4 else f"y{index}"], name=f"odd.{index}", domain="odd"
        )
        for index in range(5)
    ]
    path = write_graph(tmp_path / "out.onnx", [], {})
    model = onnx.load(path)
    model.graph.node.extend(nodes)
    model.opset_import.add(domain="odd", version=1)
    onnx.save(model, path)
    with pytest.raises(InputError, match=r"odd\.2 \(Odd\): [^;]*; and 2 more\. Export it again"):
        built(path)


def test_inputs_and_outputs_are_told(tmp_path: Path) -> None:
    _, nodes, constants = BUILT["half precision between casts"]
    builder = LIBRARY.started("Builder")
    network = parse_network(LIBRARY, builder, write_graph(tmp_path / "out.onnx", nodes, constants))
    (given,), (found,) = inputs_and_outputs(network)
    assert (given.name, given.dtype, given.shape) == ("x", "float32", (-1, SIZE))
    assert (found.name, found.dtype, found.shape) == ("y", "float32", (-1, SIZE))
