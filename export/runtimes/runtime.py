"""What a runtime is: one adapter, by which the parity gate, bench and answer have it run a model.

An adapter imports its library only when it is asked to load something, or whether it could.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.forms import Forms
from prune.families.encoder import Encoder
from prune.tasks.batch import Outputs
from trellis.errors import InputError, Parameter, first_line

if TYPE_CHECKING:
    from export.metadata import Metadata
    from export.runtimes.tensorrt.profile import Profile

Inputs = Mapping[str, NDArray[Any]]
"""What a model reads, by name: whole numbers, [batch, sequence] each."""
Infer = Callable[[Inputs], Outputs]
"""One forward pass; returns when it is done. It raises what the runtime raises; see `Runtime.told`."""


class Call(Protocol):
    """A model with inputs of one size, ready to be run as often as wanted."""

    def run(self) -> float:
        """One forward pass; the seconds that it took."""

    def outputs(self) -> Outputs:
        """Of the last pass."""


Bind = Callable[[Inputs], Call]
"""The model with these inputs."""
Reading = tuple[tuple[str, str], float]
"""(operator as the runtime calls it, node), and the seconds that its kernel took once."""


class EngineFiles(Protocol):
    """The files of a runtime that runs no graph but what it has built of one."""

    suffixes: tuple[str, ...]
    """What they are usually called."""

    def is_one(self, path: Path) -> bool:
        """Whether the file at `path` is such a file, or says that it is."""

    def read(self, path: Path) -> "tuple[Metadata, tuple[Profile, ...]]":
        """What is known of one, and the sizes that it serves. Raises InputError."""

    def build(self, graph: Path, encoder: Encoder, profiles: "tuple[Profile, ...]", out: Path) -> Path:
        """`out`, built of an ONNX file; with no `profiles` for the sizes that are usual. Raises InputError."""


class Runtime(ABC):
    """A way to run models, registered by its `name` in export.runtimes."""

    name: str
    """As options say it."""
    title: str
    """As its makers write it."""
    packages: tuple[str, ...]
    """Distributions whose versions a measurement depends on."""
    devices: tuple[Device, ...] = ("cpu",)
    """Where it runs; the first is the usual one."""
    forms: Forms | None = None
    """In which graphs serve it best, on its usual device; None: it runs model directories, and no graphs."""
    engines: EngineFiles | None = None
    """What it runs in place of graphs; None: graphs as they are, or directories."""
    is_shareable: bool = True
    """Whether several threads may call a loaded model at a time."""

    def check(self, device: Device) -> None:
        """Raise InputError where `device` is none of its own; InstallationError, with the command that installs what
        is missing, where it cannot run on that device here."""
        if device not in self.devices:
            served = " or ".join(self.devices)
            raise InputError(
                "{} is {}, and {} runs on {} here; give {}.",
                *(Parameter("device"), device, self.name, served, Parameter("device", self.devices[0])),
            )
        self.check_installed(device)

    @abstractmethod
    def check_installed(self, device: Device) -> None:
        """Raise InstallationError, with the command that installs it, where something is missing for `device`."""

    @abstractmethod
    def load(self, spec: EngineSpec) -> Infer:
        """The model that `spec` names, loaded.

        Raises InputError where it does not load, or reads or gives something else than `spec` says;
        InstallationError as `check_installed` does.
        """

    def load_on_device(self, spec: EngineSpec) -> Bind:
        """As `load`, but inputs and outputs stay in the GPU's memory, and a call's seconds are the GPU's.

        With `spec.timing` cuda-graph its passes are replayed as a CUDA graph. Raises InputError as `load` does.
        """
        raise InputError(
            "{} is {}, and {} is timed by whole calls; give {}.",
            *(Parameter("timing"), spec.timing, self.name, Parameter("timing", "call")),
        )

    def judges(self, spec: EngineSpec, precision: str) -> dict[str, Infer]:
        """By device, CPU or GPU: what is held against PyTorch before a graph of that precision may be written.

        Where a faster way would round otherwise than the graph says, it is the exact one. Raises InputError as
        `load` does.
        """
        return {"CPU": self.load(spec)}

    def forms_on(self, device: Device) -> Forms | None:
        """In which graphs serve it best on `device`."""
        return self.forms

    def unfit(self, dialect: str, device: Device) -> str | None:
        """Why `device` would not run a graph in that dialect as it is meant, and what to do; None: it would."""
        return None

    def kernels(self, spec: EngineSpec, inputs: Inputs, calls: int) -> Iterator[Reading]:
        """What its own profiler reads in so many `calls`. Raises InputError where it has none."""
        raise InputError(f"{self.title} has no profiler that is read here.")

    def told(self, error: Exception) -> str:
        """What an exception of the runtime's says is wrong, in one line."""
        return first_line(error)

    def findings(self, versions: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with it as installed, a sentence each, with the command that mends it.

        `versions` are those of installed distributions, by name in lower case with hyphens.
        """
        yield from ()
