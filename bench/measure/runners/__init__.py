"""One module per runtime, imported only where it is used. Each has the same functions:

`check(device)` raises InputError, with the install command, where the runtime or the device is not here;
`load(engine)` gives the model ready to run, as a function of the inputs;
and, where it runs on GPUs, `load_on_device(engine)`, whose inputs and logits stay in the GPU's memory.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from bench.workload import Device, EngineSpec, Runtime
from prune.tasks.batch import Outputs

Run = Callable[[Mapping[str, NDArray[Any]]], Outputs]
"""One forward pass over `input_ids`, `attention_mask`[, `token_type_ids`]; returns outputs on the host, by name."""


class Call(Protocol):
    """A model with inputs of one size, ready to be run as often as wanted."""

    def run(self) -> float:
        """One forward pass; the seconds that it took, as the engine's `timing` has it."""

    def logits(self) -> Outputs:
        """Of the last pass."""


Bind = Callable[[Mapping[str, NDArray[Any]]], Call]
"""The model with these inputs."""


class HostCall:
    """Arrays in, logits out, by the host's clock: where there is a GPU, with the copies to it and back."""

    def __init__(self, run: Run, inputs: Mapping[str, NDArray[Any]]) -> None:
        self._run, self._inputs = run, inputs

    def run(self) -> float:
        """One forward pass; its seconds."""
        start = time.perf_counter()
        self._logits = self._run(self._inputs)
        return time.perf_counter() - start

    def logits(self) -> Outputs:
        """Of the last pass."""
        return self._logits


def bind(engine: EngineSpec) -> Bind:
    """The engine, loaded, to be timed as it says."""
    module = runner(engine.runtime)
    if engine.timing == "call":
        return partial(HostCall, module.load(engine))
    return module.load_on_device(engine)


_MODULES: dict[Runtime, str] = {
    "onnxruntime": "bench.measure.runners.onnxruntime_runner",
    "openvino": "bench.measure.runners.openvino_runner",
    "tensorrt": "bench.measure.runners.tensorrt_runner",
    "torch": "bench.measure.runners.torch_runner",
    "torch-compiled": "bench.measure.runners.torch_runner",
}


class _Runner(Protocol):
    def check(self, device: Device) -> None: ...

    def load(self, engine: EngineSpec) -> Run: ...

    def load_on_device(self, engine: EngineSpec) -> Bind: ...


def runner(runtime: Runtime) -> _Runner:
    """The module for `runtime`."""
    return cast(_Runner, import_module(_MODULES[runtime]))
