"""The runtimes: a file or folder for each, and one line here.

An adapter says and does what `Runtime` asks for; openvino.py is the one to copy. The parity gate, bench and answer run
models by it; options, the dialects that are written, the packages that a result names and `bench --doctor` follow from
it. tests/export/runtimes/test_contract.py holds whatever is registered and installed to the same.

Importing this loads no library; adapters do when they are asked to run something.
"""

from collections.abc import Sequence

from export.runtimes.engine_spec import Device
from export.runtimes.onnxruntime.adapter import OnnxRuntime
from export.runtimes.openvino import OpenVino
from export.runtimes.runtime import Runtime
from export.runtimes.tensorrt.adapter import TensorRt
from export.runtimes.torch import CompiledTorch, Torch
from trellis.errors import InputError, Parameter

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        OnnxRuntime(),
        OpenVino(),
        TensorRt(),
        Torch(),
        CompiledTorch(),
    )
}
"""By the name that options say."""


def runtime_of(name: object) -> Runtime:
    """The runtime of that name; raises InputError naming it and those that there are."""
    if not isinstance(name, str) or name not in RUNTIMES:
        raise InputError(
            "{} is {}; expected {}.", Parameter("runtime"), f"{name!r:.80}", " or ".join(RUNTIMES)
        )
    return RUNTIMES[name]


def usual_device(names: Sequence[str]) -> Device:
    """Where the runtimes of these names are to run unless somebody says it: on the CPU, where one of them does."""
    devices = [device for name in names for device in runtime_of(name).devices]
    return "cpu" if "cpu" in devices else devices[0]


def answering() -> tuple[str, ...]:
    """Names of those that run ONNX files on CPUs, and so can answer questions."""
    return tuple(
        name
        for name, runtime in RUNTIMES.items()
        if runtime.forms and not runtime.engines and "cpu" in runtime.devices
    )
