"""An exported graph, compiled by OpenVINO for the CPU: to answer questions with, and to be timed."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from export.graph import OUTPUTS
from prune.errors import InputError, InstallationError, first_line

Infer = Callable[[Mapping[str, NDArray[Any]]], tuple[NDArray[Any], NDArray[Any]]]
"""Inputs, [batch, sequence] each → start and end logits, of that shape."""


def compile_graph(path: Path, precision: str, threads: int, *, clients: int = 1) -> Any:
    """A CompiledModel of the file at `path`, for one call at a time, or for `clients` at once.

    What a file in fp32 computes stays so, where OpenVINO by itself would take bfloat16 on every processor that
    has it. Beside the products of a file in int8 it may: rounding these to 8 bits is the coarser of the two.

    Raises InputError where OpenVINO is not installed or does not load the file.
    """
    openvino = import_openvino()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY" if clients == 1 else "THROUGHPUT",
    }
    if precision != "int8":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    try:
        return openvino.Core().compile_model(str(path), "CPU", settings)
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(f"OpenVINO does not load {path}: {first_line(error)}") from error


def infer_with(compiled: Any) -> Infer:
    """Runs a CompiledModel; threads of the caller may share it."""
    names = [port.get_any_name() for port in compiled.inputs]
    local = threading.local()  # a request serves one call at a time

    def infer(inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        found = local.request.infer({name: inputs[name] for name in names}, share_inputs=True)
        start, end = (found[output] for output in OUTPUTS)
        return start, end

    return infer


def import_openvino() -> ModuleType:
    """The package; raises InputError where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise InstallationError(
            "OpenVINO is not installed; install it: pip install 'espalier[openvino]'"
        ) from error
    module: ModuleType = openvino
    return module
