"""How much of a GPU's memory an engine takes, whatever its runtime, and what is said where there is too little."""

from collections.abc import Iterator
from contextlib import contextmanager

from export.runtimes.cuda import Device

OUT_OF_DEVICE_MEMORY = (
    "The GPU has too little free memory for this operating point; give a lower --batch or --seq, a smaller "
    "model, or end what else uses the GPU."
)


def is_out_of_device_memory(message: str) -> bool:
    """Whether that is how CUDA, or what runs on it, says that the GPU's memory does not suffice."""
    lowered = message.lower()
    return "cuda" in lowered and any(
        sign in lowered for sign in ("out of memory", "failed to allocate memory", "error_out_of_memory")
    )


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
