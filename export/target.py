"""What a file is to run on, and the form in which it runs best there."""

from typing import Literal

from trellis.errors import InputError, Parameter

Target = Literal["onnxruntime", "openvino", "tensorrt", "portable"]
CpuRuntime = Literal["onnxruntime", "openvino"]
GraphPrecision = Literal["fp32", "fp16", "int8"]
Scheme = Literal["dynamic", "static", "static symmetric"]
"""Ranges of int8: found for each input, or fixed beforehand, with a zero point or without."""

_DIALECTS: dict[tuple[Target, GraphPrecision], str] = {
    ("onnxruntime", "fp32"): "onnxruntime",
    ("onnxruntime", "fp16"): "onnxruntime-fp16",
    ("onnxruntime", "int8"): "onnxruntime-int8",
    ("openvino", "fp32"): "onnxruntime",
    ("openvino", "int8"): "portable",
    ("tensorrt", "fp32"): "portable",
    ("tensorrt", "fp16"): "portable",
    ("tensorrt", "int8"): "portable",
    ("portable", "fp32"): "portable",
    ("portable", "fp16"): "portable",
    ("portable", "int8"): "portable",
}


def dialect_of(target: Target, precision: GraphPrecision) -> str:
    """The dialect to write. Raises InputError where the target does not gain from that precision."""
    if (target, precision) not in _DIALECTS:
        raise InputError(
            "{} is for GPUs, and {} would run it in fp32 on a CPU; add {}, tensorrt or portable, or give {}.",
            *(Parameter("precision", precision), target),
            *(Parameter("target", "onnxruntime"), Parameter("precision", "int8")),
        )
    return _DIALECTS[target, precision]


def scheme_of(target: Target) -> Scheme:
    """How int8 is done there: TensorRT wants ranges with zero in their middle."""
    if target == "onnxruntime":
        return "dynamic"
    return "static" if target == "openvino" else "static symmetric"
