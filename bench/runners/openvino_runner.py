"""OpenVINO, on the CPU."""

import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from bench.runners import LOGITS, Logits, Run
from bench.spec import Device, Engine
from prune.errors import InputError, InstallationError


def check(device: Device) -> None:
    """Raise InputError where OpenVINO is not installed, or is asked for a device that it does not serve here."""
    if device != "cpu":
        raise InputError(
            f"--device {device} is a provider of onnxruntime; with --runtime openvino give --device cpu."
        )
    _import()


def load(engine: Engine) -> Run:
    """The file at `engine.path`, compiled for one call at a time with the threads asked for.

    Raises InputError where the file does not load.
    """
    openvino = _import()
    core = openvino.Core()
    settings = {
        # a file says its precision itself; OpenVINO would take bfloat16 for float32 where the CPU has it
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": engine.threads,
        "PERFORMANCE_HINT": "LATENCY" if engine.clients == 1 else "THROUGHPUT",
    }
    try:
        compiled = core.compile_model(str(engine.path), "CPU", settings)
    except Exception as error:  # the runtime's own classes share no public base
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"OpenVINO does not load {engine.path}: {first_line}") from error
    names = [port.get_any_name() for port in compiled.inputs]
    local = threading.local()  # a request serves one call at a time, and clients come in threads of their own

    def run(inputs: Mapping[str, NDArray[Any]]) -> Logits:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        found = local.request.infer({name: inputs[name] for name in names}, share_inputs=True)
        start, end = (found[output] for output in LOGITS)
        return start, end

    return run


def _import() -> ModuleType:
    try:
        import openvino
    except ImportError as error:
        raise InstallationError(
            "OpenVINO is not installed; install it: pip install 'espalier[openvino]'"
        ) from error
    module: ModuleType = openvino
    return module
