"""OpenVINO on the CPU: the faster one for int8 with ranges fixed beforehand.

A token that the graph has no embedding for is refused by onnxruntime; OpenVINO takes zeros for it. Of windows that
are longer than the graph takes it does not always notice, and then gives logits of another shape, or ends.
"""

import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.forms import Forms
from export.runtimes.interface import Port, check_interface
from export.runtimes.runtime import Infer, Inputs, Reading, Runtime
from prune.tasks.batch import Outputs
from trellis.errors import InputError, InstallationError, Parameter

_FLOATS = ("f32", "f16", "bf16", "f64")


class OpenVino(Runtime):
    """The file, compiled for as many clients and threads as are asked for."""

    name = "openvino"
    title = "OpenVINO"
    packages = ("openvino",)
    forms = Forms({"fp32": "onnxruntime", "int8": "portable"}, "static")

    def check_installed(self, device: Device) -> None:
        """Raise InstallationError where OpenVINO is not installed."""
        import_openvino()

    def load(self, spec: EngineSpec) -> Infer:
        """The file at `spec.path`. Threads of the caller may share it; unless they are its clients they wait for
        each other."""
        return _infer_with(compiled(spec), spec.outputs)

    def kernels(self, spec: EngineSpec, inputs: Inputs, calls: int) -> Iterator[Reading]:
        """By OpenVINO's own counters."""
        request = compiled(spec, profile=True).create_infer_request()
        for _ in range(calls):
            request.infer(dict(inputs))
            for node in request.profiling_info:
                if seconds := node.real_time.total_seconds():
                    yield (f"{node.node_type} {node.exec_type}", node.node_name), seconds

    def told(self, error: Exception) -> str:
        """Without where in its sources it stopped."""
        lines = (line.strip() for line in str(error).splitlines())
        telling = " ".join(
            line for line in lines if line and not line.startswith(("Exception from ", "Check '"))
        )
        return telling or type(error).__name__


def compiled(spec: EngineSpec, *, profile: bool = False) -> Any:
    """A CompiledModel of the file at `spec.path`, its kernels timed with `profile`.

    Raises InputError where OpenVINO is not installed, does not load the file, or finds other ports in it.
    """
    openvino = import_openvino()
    try:
        model = openvino.Core().compile_model(str(spec.path), "CPU", settings(spec, profile=profile))
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(f"OpenVINO does not load {spec.path}: {OpenVino().told(error)}") from error
    check_interface(spec, _ports(model.inputs), _ports(model.outputs), _FLOATS)
    return model


def settings(spec: EngineSpec, *, profile: bool = False) -> dict[str, Any]:
    """For compiling. Where `spec` lets it, OpenVINO takes bfloat16 for float32 where it gains by it, on processors
    that have it."""
    chosen = {
        "INFERENCE_NUM_THREADS": spec.threads,
        "PERFORMANCE_HINT": "LATENCY" if spec.clients == 1 else "THROUGHPUT",
        "PERF_COUNT": profile,
    }
    return chosen if spec.bfloat16 else chosen | {"INFERENCE_PRECISION_HINT": "f32"}


def import_openvino() -> ModuleType:
    """The package; raises InstallationError where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise InstallationError(
            "OpenVINO is not installed; install it (pip install openvino), or have onnxruntime run the file ({}).",
            Parameter("runtime", "onnxruntime"),
        ) from error
    module: ModuleType = openvino
    return module


def _infer_with(model: Any, outputs: Sequence[str]) -> Infer:
    ports = [port.get_names() for port in model.inputs]  # each may go by several names
    local = threading.local()  # a request serves one call at a time

    def infer(inputs: Inputs) -> Outputs:
        if not hasattr(local, "request"):
            local.request = model.create_infer_request()
        taken = [next(inputs[name] for name in names if name in inputs) for names in ports]
        found = local.request.infer(taken, share_inputs=True)
        return {name: found[name] for name in outputs}

    return infer


def _ports(ports: Any) -> list[Port]:
    return [Port(frozenset(port.get_names()), port.get_element_type().get_type_name()) for port in ports]
