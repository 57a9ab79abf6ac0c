"""ONNX Runtime, on its CPU, CUDA and TensorRT providers."""

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from bench.runners import Logits, Run
from bench.spec import Device, Engine
from prune.errors import InputError, InstallationError

_PROVIDERS: dict[Device, list[str]] = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
}
_GPU_BUILD = "pip uninstall onnxruntime && pip install onnxruntime-gpu"


def check(device: Device) -> None:
    """Raise InputError where onnxruntime or its provider for `device` is not installed."""
    available = _import(device).get_available_providers()
    wanted = _PROVIDERS[device][0]
    if wanted not in available:
        raise InstallationError(
            f"--device {device} needs onnxruntime's {wanted}, and this installation has "
            f"{', '.join(available)}; install the GPU build ({_GPU_BUILD}) or give --device cpu."
        )


def load(engine: Engine) -> Run:
    """An inference session over the file at `engine.path`, with the threads and the device asked for.

    Raises InputError where the file does not load, or the provider is installed but does not start.
    """
    onnxruntime = _import(engine.device)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = engine.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    if engine.device != "cpu" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA libraries that came as Python packages
    providers = _PROVIDERS[engine.device]
    try:
        session = onnxruntime.InferenceSession(str(engine.path), options, providers=providers)
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(f"onnxruntime does not load {engine.path}: {_first_line(error)}") from error
    started = session.get_providers()
    if started[0] != providers[0]:
        # onnxruntime falls back to the next provider with no more than a line in its log.
        raise InstallationError(
            f"onnxruntime could not start {providers[0]} and fell back to {started[0]}; "
            f"{_advice(engine.device)}, or give --device cpu."
        )
    names = [argument.name for argument in session.get_inputs()]

    def run(inputs: Mapping[str, NDArray[Any]]) -> Logits:
        start, end = session.run(["start_logits", "end_logits"], {name: inputs[name] for name in names})
        return start, end

    return run


def _import(device: Device) -> ModuleType:
    # From 1.32 on it reports its use to Microsoft from a thread of its own, unless told not to beforehand.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        package = "onnxruntime" if device == "cpu" else "onnxruntime-gpu"
        raise InstallationError(f"onnxruntime is not installed; install it: pip install {package}") from error
    module: ModuleType = onnxruntime
    return module


def _advice(device: Device) -> str:
    """What to do where a provider is installed and does not start."""
    if device == "cuda":
        return "check that nvidia-smi lists a GPU and that CUDA 12 or 13 and cuDNN 9 are installed"
    try:
        found = version("tensorrt")
    except PackageNotFoundError:
        found = "not installed"
    return (
        f"this provider needs a GPU and the libraries of TensorRT 10 (tensorrt here: {found}): "
        'pip install "tensorrt-cu13<11"'
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
