"""An exported graph, compiled by OpenVINO for the CPU: to answer questions with, and to be timed."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from prune.tasks.batch import Outputs
from trellis.errors import InputError, InstallationError

Infer = Callable[[Mapping[str, NDArray[Any]]], Outputs]
"""Inputs, [batch, sequence] each → outputs, by name."""


def compile_graph(
    path: Path, threads: int, *, bfloat16: bool = False, clients: int = 1, profile: bool = False
) -> Any:
    """A CompiledModel of the file at `path`; for the rest see `settings`.

    Raises InputError where OpenVINO is not installed or does not load the file.
    """
    openvino = import_openvino()
    chosen = settings(threads, bfloat16=bfloat16, clients=clients, profile=profile)
    try:
        return openvino.Core().compile_model(str(path), "CPU", chosen)
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(f"OpenVINO does not load {path}: {told(error)}") from error


def settings(threads: int, *, bfloat16: bool, clients: int, profile: bool) -> dict[str, Any]:
    """For compiling: to be called by `clients` at a time, `threads` in all, kernels timed or not.

    With `bfloat16` OpenVINO takes that for float32 where it gains by it, on processors that have it.
    """
    chosen = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY" if clients == 1 else "THROUGHPUT",
        "PERF_COUNT": profile,
    }
    return chosen if bfloat16 else chosen | {"INFERENCE_PRECISION_HINT": "f32"}


def infer_with(compiled: Any, outputs: Sequence[str]) -> Infer:
    """Runs a CompiledModel for its `outputs`. Threads of the caller may share it; they wait for each other.

    Raises OpenVINO's own exceptions, RuntimeError among them.
    """
    ports = [port.get_names() for port in compiled.inputs]  # each may go by several names
    local = threading.local()  # a request serves one call at a time

    def infer(inputs: Mapping[str, NDArray[Any]]) -> Outputs:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        taken = [next(inputs[name] for name in names if name in inputs) for names in ports]
        found = local.request.infer(taken, share_inputs=True)
        return {output: found[output] for output in outputs}

    return infer


def told(error: Exception) -> str:
    """What OpenVINO says is wrong, in one line, without where in its sources it stopped."""
    lines = (line.strip() for line in str(error).splitlines())
    telling = " ".join(line for line in lines if line and not line.startswith(("Exception from ", "Check '")))
    return telling or type(error).__name__


def import_openvino() -> ModuleType:
    """The package; raises InputError where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise InstallationError(
            "OpenVINO is not installed; install it (pip install openvino), or have onnxruntime run the file "
            "(--runtime onnxruntime)."
        ) from error
    module: ModuleType = openvino
    return module
