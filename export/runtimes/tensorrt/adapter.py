"""TensorRT itself, or TensorRT for RTX, for bench: it runs engines, which prune-export builds, or bench.

What needs the library, or onnx to read a description, is imported when it is asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.forms import PORTABLE
from export.runtimes.runtime import Bind, Infer, Inputs, Runtime
from export.runtimes.tensorrt.library import KINDS, find_library
from prune.families.encoder import Encoder
from prune.tasks.batch import Outputs
from trellis.errors import InputError

if TYPE_CHECKING:
    from export.metadata import Metadata
    from export.runtimes.tensorrt.profile import Profile
    from export.runtimes.tensorrt.runner import EngineRunner


class Engines:
    """The files that it runs."""

    suffixes: tuple[str, ...] = (".engine", ".plan", ".trt")

    def is_one(self, path: Path) -> bool:
        """By its suffix, or by the description beside it."""
        from export.runtimes.tensorrt.description import description_path

        return path.suffix in self.suffixes or description_path(path).is_file()

    def read(self, path: Path) -> "tuple[Metadata, tuple[Profile, ...]]":
        """What the description beside the engine says; raises InputError."""
        from export.runtimes.tensorrt.description import read_engine_description

        described = read_engine_description(path)
        return described.metadata, described.profiles

    def build(self, graph: Path, encoder: Encoder, profiles: "tuple[Profile, ...]", out: Path) -> Path:
        """An engine and its description; raises InputError, see `build_engine`."""
        from export.runtimes.tensorrt.build import build_engine
        from export.runtimes.tensorrt.profile import default_profiles

        return build_engine(graph, profiles or default_profiles(encoder), out).path


class TensorRt(Runtime):
    """An engine, on the GPU."""

    name = "tensorrt"
    title = "TensorRT"
    packages = ("tensorrt", "tensorrt-rtx-cu13-bindings")
    devices = ("cuda",)
    forms = PORTABLE
    engines = Engines()
    is_shareable = False

    def check_installed(self, device: Device) -> None:
        """Raise InstallationError where neither library is installed, or there is no GPU that it could use."""
        find_library().started("Runtime")

    def load(self, spec: EngineSpec) -> Infer:
        """The engine at `spec.path`; a call copies its inputs to the GPU and the outputs back."""
        return _opened(spec).infer

    def load_on_device(self, spec: EngineSpec) -> Bind:
        """As `load`, but a call's inputs are copied before its passes are timed."""
        return partial(_DeviceCall, _opened(spec), spec.timing == "cuda-graph")

    def findings(self, versions: Mapping[str, str]) -> Iterator[str]:
        """Of an installed library that does not load, or whose parts do not fit."""
        for name, kind in KINDS.items():
            if find_spec(kind.module):
                try:
                    find_library(name)
                except InputError as error:
                    yield str(error)
                    return


class _DeviceCall:
    """Passes over the same inputs, timed by the GPU's events."""

    def __init__(self, runner: "EngineRunner", as_graph: bool, inputs: Inputs) -> None:
        self._runner, self._inputs = runner, inputs
        runner.upload(inputs)
        # A first pass has TensorRT make ready for this size, which must not happen while a graph is captured.
        runner.enqueue()
        self._last: Outputs = runner.download()
        self._ask: Callable[[], None] = runner.device.captured(runner.enqueue) if as_graph else runner.enqueue

    def run(self) -> float:
        """One forward pass; the GPU's seconds."""
        self._runner.upload(self._inputs)  # its buffers may hold those of another call
        self._runner.device.synchronize()
        seconds = self._runner.device.seconds_of(self._ask)
        self._last = self._runner.download()
        return seconds

    def outputs(self) -> Outputs:
        """Of the last pass."""
        return self._last


def _opened(spec: EngineSpec) -> "EngineRunner":
    from export.runtimes.tensorrt.runner import EngineRunner

    assert spec.path is not None
    runner = EngineRunner(spec.path)
    runner.__enter__()  # until the process ends: a worker runs one engine
    return runner
