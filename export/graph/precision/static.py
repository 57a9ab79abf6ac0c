"""int8 with ranges fixed beforehand: quantizing operators in the graph, by NNCF. For OpenVINO and TensorRT."""

import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from prune.tasks.head import ANSWER
from trellis.errors import InstallationError

Inputs = Mapping[str, NDArray[np.int64]]

NEEDS_NNCF = "int8 for OpenVINO and TensorRT needs NNCF: pip install nncf openvino."


def quantize_static(
    graph: onnx.ModelProto, windows: Sequence[Inputs], *, symmetric: bool, kept: Iterable[str] = ()
) -> onnx.ModelProto:
    """A portable float32 graph with int8 matrix products; the ranges are those that `windows` take.

    `windows` are inputs of the graph, [batch, sequence] each. Weights are symmetric and per channel;
    activations symmetric too (what TensorRT wants), or else with a zero point, which loses less. The parts
    whose names are in `kept`, such as "layer.3/ffn", stay in float32. Raises InputError where NNCF is not
    installed.
    """
    nncf = _import()
    outputs = [output.name for output in graph.graph.output]
    # The head: a few columns wide, it costs nothing and decides everything.
    ignored = [f"{re.escape(part)}/.*" for part in (*kept, ANSWER, "embeddings", *outputs)]
    presets = nncf.QuantizationPreset
    with redirect_stdout(sys.stderr):  # where its bars belong: what is printed may be read by a program
        quantized: onnx.ModelProto = nncf.quantize(
            graph,
            nncf.Dataset(list(windows)),
            preset=presets.PERFORMANCE if symmetric else presets.MIXED,
            subset_size=len(windows),
            model_type=nncf.ModelType.TRANSFORMER,
            ignored_scope=nncf.IgnoredScope(patterns=ignored, validate=False),
        )
    return quantized


def parts_of(graph: onnx.ModelProto) -> list[str]:
    """The sublayers that compute products, in the order of the graph: "layer.0/attention", "layer.0/ffn"."""
    names = [node.name for node in graph.graph.node if node.op_type == "MatMul"]
    return list(dict.fromkeys("/".join(name.split("/")[:2]) for name in names if name.startswith("layer.")))


def without_rounding(quantized: onnx.ModelProto, part: str) -> onnx.ModelProto:
    """A copy in which what `part` reads from the graph is not rounded; its weights stay as they are.

    Tells what rounding there does to the logits, at no cost but a run.
    """
    model = onnx.ModelProto()
    model.CopyFrom(quantized)
    made_by = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.name.startswith(f"{part}/"):
            for index, name in enumerate(node.input):
                back = made_by.get(name)
                if back is not None and back.op_type == "DequantizeLinear":
                    there = made_by.get(back.input[0])
                    if there is not None and there.op_type == "QuantizeLinear":
                        node.input[index] = there.input[0]
    return model


def _import() -> ModuleType:
    # It reports its use, to a server, unless it takes itself to be tested.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf
    except ImportError as error:
        raise InstallationError(NEEDS_NNCF) from error
    nncf.set_log_level(logging.ERROR)
    module: Any = nncf
    return module  # type: ignore[no-any-return]
