"""ONNX Runtime, on its CPU, CUDA and TensorRT providers."""

from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure.runners import Bind, Run
from bench.workload import Device, EngineSpec
from export.ports import input_names, output_names, output_shape
from export.runtimes.onnxruntime import import_onnxruntime, load_session, preload_cuda, run_session
from export.runtimes.tensorrt import cuda
from prune.families.encoder import Encoder
from prune.tasks.batch import Outputs
from trellis.errors import InputError, InstallationError

_PROVIDERS: dict[Device, list[str]] = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
}
_CAPTURES = {
    "CUDAExecutionProvider": "enable_cuda_graph",
    "TensorrtExecutionProvider": "trt_cuda_graph_enable",
}
"""What has a provider capture its passes, where it is the first, which runs all of the graph."""
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
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


def load(engine: EngineSpec) -> Run:
    """An inference session over the file at `engine.path`, with the threads and the device asked for.

    Raises InputError where the file does not load, or the provider is installed but does not start.
    """
    session = _session(engine)
    names = _inputs_of(session)
    outputs = output_names(engine.encoder)
    missing = {*outputs}.difference(output.name for output in session.get_outputs())
    unknown = {*names}.difference(input_names(engine.encoder))
    if missing or unknown:
        what = (
            f"no {', '.join(sorted(missing))}"
            if missing
            else f"inputs that are not fed ({', '.join(sorted(unknown))})"
        )
        raise InputError(
            f"{engine.path} has {what}: it is no {engine.encoder.task.name} model of prune-export's; export it again."
        )

    def run(inputs: Mapping[str, NDArray[Any]]) -> Outputs:
        return run_session(session, {name: inputs[name] for name in names}, outputs)

    return run


def load_on_device(engine: EngineSpec) -> Bind:
    """As `load`, but inputs and logits are bound to the GPU's memory, and the session works on a stream of ours."""
    device = cuda.Device()
    device.__enter__()  # until the process ends: a worker runs one engine
    options: dict[str, dict[str, str]] = {
        name: {"user_compute_stream": str(device.stream)} for name in _PROVIDERS[engine.device][:-1]
    }
    if engine.timing == "cuda-graph":
        first = _PROVIDERS[engine.device][0]
        options[first][_CAPTURES[first]] = "1"
    session = _session(engine, options)
    return partial(_DeviceCall, session, engine.encoder, device, count(1))


class _DeviceCall:
    """Passes over the same memory, timed by the GPU's events."""

    def __init__(
        self,
        session: Any,
        encoder: Encoder,
        device: cuda.Device,
        numbers: "count[int]",
        inputs: Mapping[str, NDArray[Any]],
    ) -> None:
        import onnxruntime

        self._session, self._device = session, device
        self._binding = session.io_binding()
        for name in _inputs_of(session):
            self._binding.bind_ortvalue_input(
                name, onnxruntime.OrtValue.ortvalue_from_numpy(inputs[name], "cuda", device.index)
            )
        size = output_shape(encoder, *inputs["input_ids"].shape)
        types = {output.name: _TYPES[output.type] for output in session.get_outputs()}
        self._outputs = {
            name: onnxruntime.OrtValue.ortvalue_from_shape_and_type(size, types[name], "cuda", device.index)
            for name in output_names(encoder)
        }
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        self._options = onnxruntime.RunOptions()
        # The end of a pass is an event's to tell; and each size is captured as a graph of its own.
        self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._options.add_run_config_entry("gpu_graph_id", str(next(numbers)))
        self._ask()  # the first pass allocates and, where that is wanted, captures
        device.synchronize()

    def run(self) -> float:
        """One forward pass; the GPU's seconds."""
        return self._device.seconds_of(self._ask)

    def logits(self) -> Outputs:
        """Of the last pass."""
        return {name: value.numpy() for name, value in self._outputs.items()}

    def _ask(self) -> None:
        self._session.run_with_iobinding(self._binding, self._options)


def _inputs_of(session: Any) -> list[str]:
    return [argument.name for argument in session.get_inputs()]


def _session(engine: EngineSpec, provider_options: Mapping[str, Mapping[str, str]] | None = None) -> Any:
    onnxruntime = _import(engine.device)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = engine.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    if engine.device != "cpu":
        preload_cuda(onnxruntime)
    providers = _PROVIDERS[engine.device]
    assert engine.path is not None
    session = load_session(
        engine.path,
        options,
        output_names(engine.encoder),
        providers=providers,
        provider_options=[dict((provider_options or {}).get(name, {})) for name in providers],
    )
    started = session.get_providers()
    if started[0] != providers[0]:
        # onnxruntime falls back to the next provider with no more than a line in its log.
        raise InstallationError(
            f"onnxruntime could not start {providers[0]} and fell back to {started[0]}; "
            f"{_advice(engine.device)}, or give --device cpu."
        )
    return session


def _import(device: Device) -> ModuleType:
    return import_onnxruntime("onnxruntime" if device == "cpu" else "onnxruntime-gpu")


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
