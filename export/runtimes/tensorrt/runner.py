"""An engine at work on a GPU: activate, infer as often as wanted, deactivate."""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.runtimes.cuda import Device
from export.runtimes.tensorrt.description import EngineDescription, read_engine_description
from export.runtimes.tensorrt.library import Library, find_library, shortened
from export.runtimes.tensorrt.network import Tensor
from export.runtimes.tensorrt.profile import Profile, Size, choose_profile
from trellis.errors import InputError


class EngineRunner:
    """Runs the engine at `path` on the GPU of number `device`.

    A context manager: within it the engine is loaded and holds the GPU's memory. Of one thread at a time.
    """

    def __init__(self, path: Path, *, device: int = 0) -> None:
        self.path = path
        self.description = read_engine_description(path)
        self._device = Device(device)
        self._open = ExitStack()
        self._engine: Any = None
        self._context: Any = None
        self._profile: int | None = None
        self._buffers: dict[str, int] = {}
        self._inputs: dict[str, NDArray[Any]] = {}
        """Of the next pass: kept, as their copy to the GPU may still be under way."""

    def __enter__(self) -> "EngineRunner":
        """Load the engine; raises InputError where there is no GPU, no library, or where these refuse it."""
        library = find_library(self.description.library)
        with ExitStack() as opened:
            opened.enter_context(self._device)
            self._engine, self._context = _load(library, self.path, self.description)
            for tensor in (*self.description.inputs, *self.description.outputs):
                of_each = math.prod(sized(tensor.shape, (1, 1))) * np.dtype(tensor.dtype).itemsize
                size = largest_size(self.description.profiles) * of_each
                self._buffers[tensor.name] = self._device.allocate(size)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # the library's objects hold memory of the context that goes last
        self._context = self._engine = self._profile = None
        self._buffers.clear()
        self._inputs.clear()
        self._open.close()

    @property
    def device(self) -> Device:
        """The GPU that it runs on."""
        return self._device

    def infer(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Outputs by name, of inputs by name, of whole numbers [batch, sequence].

        Returns when they are on the host. Raises InputError for inputs that are not the engine's, or of a
        size that no profile serves.
        """
        self.upload(inputs)
        self.enqueue()
        return self.download()

    def upload(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Have the next passes read these inputs; raises InputError as `infer` does."""
        arrays = checked_inputs(inputs, self.description.inputs)
        size: Size = next(iter(arrays.values())).shape
        self._select(choose_profile(self.description.profiles, size))
        for name, array in arrays.items():
            self._said_yes(self._context.set_input_shape(name, size), f"takes no {name} of {size}")
            self._device.upload(array, self._buffers[name])
        for name, address in self._buffers.items():
            self._said_yes(self._context.set_tensor_address(name, address), f"takes no memory for {name}")
        self._inputs = arrays

    def enqueue(self) -> None:
        """Ask for one pass over what was uploaded last; returns at once."""
        self._said_yes(self._context.execute_async_v3(self._device.stream), "does not run")

    def download(self) -> dict[str, NDArray[Any]]:
        """Outputs of the last pass, by name, when it is done."""
        size = next(iter(self._inputs.values())).shape
        outputs = {
            tensor.name: np.empty(sized(tensor.shape, size), np.dtype(tensor.dtype))
            for tensor in self.description.outputs
        }
        for name, array in outputs.items():
            self._device.download(self._buffers[name], array)
        self._device.synchronize()
        return outputs

    def _select(self, profile: int) -> None:
        if profile != self._profile:
            chosen = self._context.set_optimization_profile_async(profile, self._device.stream)
            self._said_yes(chosen, f"does not take up its profile {profile}")
            self._profile = profile

    def _said_yes(self, answer: bool, otherwise: str) -> None:
        if not answer:
            raise InputError(f"The engine {self.path} {otherwise}; build it again for this GPU.")


def largest_size(profiles: Sequence[Profile]) -> int:
    """Tokens in the largest batch that any of the profiles takes."""
    return max(batch * length for batch, length in (profile.max for profile in profiles))


def sized(shape: Sequence[int], size: Sequence[int]) -> tuple[int, ...]:
    """The shape of a tensor whose axes of -1 are, in this order, batch and sequence."""
    open_axes = iter(size)
    return tuple(next(open_axes) if axis == -1 else axis for axis in shape)


def checked_inputs(inputs: Mapping[str, NDArray[Any]], expected: Sequence[Tensor]) -> dict[str, NDArray[Any]]:
    """The inputs as an engine takes them: contiguous, in the types of `expected`, in its order.

    Raises InputError where one is missing or unknown, is not [batch, sequence] of whole numbers, or differs in
    size from another.
    """
    names = [tensor.name for tensor in expected]
    if set(inputs) != set(names):
        raise InputError(f"The inputs are {', '.join(sorted(inputs))}; the engine takes {', '.join(names)}.")
    shapes = {name: inputs[name].shape for name in names}
    if len(set(shapes.values())) != 1 or any(len(shape) != 2 for shape in shapes.values()):
        came = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise InputError(f"The inputs are {came}; expected [batch, sequence], the same for all.")
    for name in names:
        if not np.issubdtype(inputs[name].dtype, np.integer):
            raise InputError(f"The input {name} is of {inputs[name].dtype}; expected whole numbers.")
    return {
        tensor.name: np.ascontiguousarray(inputs[tensor.name], dtype=np.dtype(tensor.dtype))
        for tensor in expected
    }


def _load(library: Library, path: Path, description: EngineDescription) -> tuple[Any, Any]:
    """The engine and what runs it."""
    runtime = library.started("Runtime")
    with library.heard() as messages:
        engine = runtime.deserialize_cuda_engine(path.read_bytes())
        context = None if engine is None else engine.create_execution_context()
    if context is None:
        told = shortened(*(text for severity, text in messages if severity < 2)) or "it does not say why"
        raise InputError(not_loaded(library.title, path, description.library_version, told))
    return engine, context


def not_loaded(title: str, path: Path, built_by: str, told: str) -> str:
    """What to say where a library does not load an engine of that version, and what to do if anything helps."""
    advice = "" if "does not support" in told else " Build it again with this version, for this GPU."
    return f"{title} does not load {path}, which version {built_by} built: {told}.{advice}"
