"""ONNX Runtime for the gate, bench and answer."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.forms import PORTABLE, Forms
from export.runtimes.onnxruntime import exact, installation
from export.runtimes.onnxruntime.device_call import load_on_device
from export.runtimes.onnxruntime.session import check_provider, infer_with, open_session
from export.runtimes.runtime import Bind, Infer, Inputs, Reading, Runtime
from trellis.files.scratch import scratch


class OnnxRuntime(Runtime):
    """On its CPU, CUDA and TensorRT providers."""

    name = title = "onnxruntime"
    packages = ("onnxruntime", "onnxruntime-gpu")
    devices = ("cpu", "cuda", "tensorrt")
    forms = Forms({"fp32": "onnxruntime", "fp16": "onnxruntime-fp16", "int8": "onnxruntime-int8"}, "dynamic")

    def check_installed(self, device: Device) -> None:
        """Raise InstallationError where onnxruntime, or its provider for `device`, is not installed."""
        check_provider(device)

    def load(self, spec: EngineSpec) -> Infer:
        """The file at `spec.path`; threads of the caller may share it."""
        return infer_with(open_session(spec), spec.outputs)

    def load_on_device(self, spec: EngineSpec) -> Bind:
        """As `load`, with the GPU's memory and clock."""
        return load_on_device(spec)

    def judges(self, spec: EngineSpec, precision: str) -> dict[str, Infer]:
        """The CPU and, for fp16, a GPU where onnxruntime has one: its kernels are others there."""
        assert spec.path is not None
        judges = {"CPU": exact.on_cpu(spec.path, spec.outputs)}
        if precision == "fp16" and (on_gpu := exact.on_gpu(spec.path, spec.outputs)):
            judges["GPU"] = on_gpu
        return judges

    def forms_on(self, device: Device) -> Forms | None:
        """The TensorRT provider does not know onnxruntime's fused operators."""
        return PORTABLE if device == "tensorrt" else self.forms

    def unfit(self, dialect: str, device: Device) -> str | None:
        """The TensorRT provider leaves fused operators to CUDA."""
        if device != "tensorrt" or dialect == "portable":
            return None
        return (
            "whose fused operators TensorRT does not know: they would silently run on CUDA; export again with "
            "prune-export ... --target portable."
        )

    def kernels(self, spec: EngineSpec, inputs: Inputs, calls: int) -> Iterator[Reading]:
        """By onnxruntime's own profiler."""
        with scratch() as folder:
            session = open_session(spec, profile=folder / "profile")
            for _ in range(calls):
                session.run(None, dict(inputs))
            events = json.loads(Path(session.end_profiling()).read_bytes())
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                yield (event["args"]["op_name"], event["name"]), event["dur"] / 1e6

    def findings(self, versions: Mapping[str, str]) -> Iterator[str]:
        """Both builds at once, none, and providers that cannot start."""
        return installation.findings(installation.this_installation(versions))
