"""From a file to a session of onnxruntime's that is to be served, or timed."""

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.interface import Port, check_interface
from export.runtimes.runtime import Infer, Inputs
from prune.tasks.batch import Outputs
from trellis.errors import InputError, InstallationError, Parameter, first_line

FATAL = 4
"""Of onnxruntime's log: what is wrong comes as an exception as well, and is told in a sentence of ours."""
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PROVIDERS: dict[Device, list[str]] = {
    "cpu": [CPU],
    "cuda": [CUDA, CPU],
    "tensorrt": ["TensorrtExecutionProvider", CUDA, CPU],
}
"""The first runs the graph; the others what it leaves."""
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(bfloat16)", "tensor(double)")
_GPU_BUILD = "pip uninstall onnxruntime && pip install onnxruntime-gpu"


def import_onnxruntime(package: str = "onnxruntime") -> ModuleType:
    """The module; raises InputError where it is not installed, with the command that installs `package`."""
    # Read when it is first imported: from 1.32 on it reports its use from a thread of its own unless told not to.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(
            f"onnxruntime is not installed; install it: pip install {package}."
        ) from error
    module: ModuleType = onnxruntime
    module.set_default_logger_severity(FATAL)
    return module


def check_provider(device: Device) -> None:
    """Raise InstallationError where onnxruntime or its provider for `device` is not installed."""
    available = _import_for(device).get_available_providers()
    wanted = PROVIDERS[device][0]
    if wanted not in available:
        raise InstallationError(
            "{} needs onnxruntime's {}, and this installation has {}; install the GPU build ({}) or give {}.",
            *(Parameter("device", device), wanted, ", ".join(available), _GPU_BUILD),
            Parameter("device", "cpu"),
        )


def preload_cuda(onnxruntime: ModuleType) -> None:
    """Have it find CUDA libraries that came as Python packages."""
    if hasattr(onnxruntime, "preload_dlls"):  # from 1.21 on
        onnxruntime.preload_dlls()


def open_session(
    spec: EngineSpec,
    provider_options: Mapping[str, Mapping[str, str]] | None = None,
    *,
    profile: Path | None = None,
) -> Any:
    """An InferenceSession of the file at `spec.path`, with its threads, on its device.

    With `profile` it writes what its profiler reads into files whose names begin so. Raises InputError where the file
    does not load, or reads or gives something else than `spec` says; InstallationError where onnxruntime is not
    installed, or has a provider for the device that does not start.
    """
    onnxruntime = _import_for(spec.device)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = spec.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = FATAL
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    if spec.device != "cpu":
        preload_cuda(onnxruntime)
    providers = PROVIDERS[spec.device]
    assert spec.path is not None
    try:
        session = onnxruntime.InferenceSession(
            str(spec.path),
            options,
            providers=providers,
            provider_options=[dict((provider_options or {}).get(name, {})) for name in providers],
        )
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(f"onnxruntime does not load {spec.path}: {first_line(error)}") from error
    _check_started(session, spec.device)
    check_interface(spec, _ports(session.get_inputs()), _ports(session.get_outputs()), _FLOATS)
    return session


def infer_with(session: Any, outputs: Sequence[str]) -> Infer:
    """Runs a session on inputs that are just its own, see `check_interface`. Threads of the caller may share it."""
    wanted = list(outputs)

    def infer(inputs: Inputs) -> Outputs:
        return dict(zip(wanted, session.run(wanted, inputs)))  # noqa: B905 (it is timed, and gives what was asked for)

    return infer


def _check_started(session: Any, device: Device) -> None:
    """Where its provider does not start onnxruntime falls back to the next one, with no more than a line in its log."""
    wanted, started = PROVIDERS[device][0], session.get_providers()[0]
    if started != wanted:
        raise InstallationError(
            "onnxruntime could not start {} and fell back to {}; {}, or give {}.",
            *(wanted, started, _advice(device), Parameter("device", "cpu")),
        )


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


def _ports(arguments: Any) -> list[Port]:
    return [Port(frozenset({argument.name}), argument.type) for argument in arguments]


def _import_for(device: Device) -> ModuleType:
    return import_onnxruntime("onnxruntime" if device == "cpu" else "onnxruntime-gpu")
