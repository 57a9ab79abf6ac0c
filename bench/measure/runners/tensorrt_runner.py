"""TensorRT itself, or TensorRT for RTX, running engines that prune-export built."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bench.measure.runners import Bind, Run
from bench.workload import Device, EngineSpec
from prune.tasks.batch import Outputs
from trellis.errors import InputError

if TYPE_CHECKING:
    from export.runtimes.tensorrt.runner import EngineRunner


def check(device: Device) -> None:
    """Raise InputError where neither library is installed, or there is no GPU that it could use."""
    from export.runtimes.tensorrt.library import find_library

    if device == "cpu":
        raise InputError("--runtime tensorrt runs engines on a GPU; add --device cuda.")
    if device == "tensorrt":
        raise InputError(
            "--device tensorrt is a provider of onnxruntime; with --runtime tensorrt give --device cuda."
        )
    find_library().started("Runtime")


def load(engine: EngineSpec) -> Run:
    """The engine at `engine.path`, loaded; a call copies its inputs to the GPU and the logits back.

    Raises InputError where it does not load, or serves no such size.
    """
    return _open(engine).infer


def load_on_device(engine: EngineSpec) -> Bind:
    """As `load`, but a call's inputs are copied before its passes are timed."""
    return partial(_DeviceCall, _open(engine), engine.timing == "cuda-graph")


class _DeviceCall:
    """Passes over the same inputs, timed by the GPU's events."""

    def __init__(self, runner: "EngineRunner", as_graph: bool, inputs: Mapping[str, NDArray[Any]]) -> None:
        self._runner, self._inputs = runner, inputs
        runner.upload(inputs)
        # A first pass has TensorRT make ready for this size, which must not happen while a graph is captured.
        runner.enqueue()
        self._last = runner.download()
        self._ask: Callable[[], None] = runner.device.captured(runner.enqueue) if as_graph else runner.enqueue

    def run(self) -> float:
        """One forward pass; the GPU's seconds."""
        self._runner.upload(self._inputs)  # its buffers may hold those of another call
        self._runner.device.synchronize()
        seconds = self._runner.device.seconds_of(self._ask)
        self._last = self._runner.download()
        return seconds

    def logits(self) -> Outputs:
        """Of the last pass."""
        return self._last


def _open(engine: EngineSpec) -> "EngineRunner":
    from export.runtimes.tensorrt.runner import EngineRunner

    assert engine.path is not None
    runner = EngineRunner(engine.path)
    runner.__enter__()  # until the process ends: a worker runs one engine
    return runner
