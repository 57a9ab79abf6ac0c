"""One module per runtime, imported only where it is used. Each has the same two functions:

`check(device)` raises InputError, with the install command, where the runtime or the device is not here;
`load(engine)` gives the model ready to run, as a function of the inputs.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from bench.spec import Device, Engine, Runtime

Logits = tuple[NDArray[Any], NDArray[Any]]
"""Start and end logits, each [batch, seq], on the host."""

Run = Callable[[Mapping[str, NDArray[Any]]], Logits]
"""One forward pass over `input_ids`, `attention_mask`[, `token_type_ids`]; returns when it is done."""

_MODULES: dict[Runtime, str] = {
    "onnxruntime": "bench.runners.onnxruntime_runner",
    "openvino": "bench.runners.openvino_runner",
    "tensorrt": "bench.runners.tensorrt_runner",
    "torch": "bench.runners.torch_runner",
    "torch-compiled": "bench.runners.torch_runner",
}


class _Runner(Protocol):
    def check(self, device: Device) -> None: ...

    def load(self, engine: Engine) -> Run: ...


def runner(runtime: Runtime) -> _Runner:
    """The module for `runtime`."""
    return cast(_Runner, import_module(_MODULES[runtime]))
