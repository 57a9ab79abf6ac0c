"""How fast this machine multiplies matrices at best: the limit that every model's time can be held against."""

import time
from functools import cache
from typing import Any

import numpy as np

from export.runtimes.onnxruntime.session import import_onnxruntime
from trellis.errors import InstallationError

SIZES = ((384, 768, 3072), (1024, 1024, 1024), (2048, 2048, 2048))
"""Rows, inner size, columns of the products tried; the fastest counts."""
READINGS = 8
"""Of each; the fastest counts."""
IMPOSSIBLE = 1.2
"""A model that seems to multiply so many times as fast as the best product is a mistake of measurement."""


@cache
def matmul_peak(precision: str, threads: int) -> float | None:
    """Multiply-adds per second of the fastest of several matrix products, by onnxruntime on the CPU.

    `precision`: fp32, or int8 (uint8 times int8, summed up in int32). None for others, and where onnxruntime
    is not installed.
    """
    try:
        onnxruntime = import_onnxruntime()
    except InstallationError:
        return None
    if precision not in ("fp32", "int8"):
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    best = 0.0
    for rows, inner, columns in SIZES:
        model, left = _product(precision, rows, inner, columns)
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        for _ in range(READINGS):
            start = time.perf_counter()
            session.run(None, {"left": left})
            best = max(best, rows * inner * columns / (time.perf_counter() - start))
    return best


def _product(precision: str, rows: int, inner: int, columns: int) -> tuple[bytes, Any]:
    """A graph that multiplies its input, [rows, inner], by a constant, and such an input."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    if precision == "int8":
        operator, read, written = "MatMulInteger", TensorProto.UINT8, TensorProto.INT32
        left: Any = rng.integers(0, 255, (rows, inner), np.uint8)
        right: Any = rng.integers(-127, 127, (inner, columns), np.int8)
    else:
        operator, read, written = "MatMul", TensorProto.FLOAT, TensorProto.FLOAT
        left = rng.standard_normal((rows, inner), np.float32)
        right = rng.standard_normal((inner, columns), np.float32)
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", read, [rows, inner])],
        [helper.make_tensor_value_info("product", written, [rows, columns])],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString(), left
