"""How much of a GPU's memory an engine takes, whatever its runtime."""

from collections.abc import Iterator
from contextlib import contextmanager

from export.engine.cuda import Device


class DeviceMemory:
    """What this process takes of GPU 0 while it is watched, its CUDA context left out.

    Runtimes keep what they once took, so this is the most that they needed. Nothing else may begin or end
    on the GPU meanwhile: of memory that nobody has, the driver tells only how much there is.
    """

    def __init__(self) -> None:
        """Raises InputError where there is no GPU."""
        self._device = Device()
        self._device.__enter__()  # until the process ends, as the context is the runtime's as well
        self.taken = 0
        """Bytes."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it, what is taken counts."""
        before = self._device.free_memory()
        yield
        self.taken += before - self._device.free_memory()
