"""Memory, a stream and its clock on an NVIDIA GPU, through the driver itself: wherever there is a GPU, it is there.

Neither torch nor CUDA's Python packages are needed for the few calls that running and timing an engine take.
"""

import ctypes
import sys
from collections.abc import Callable
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_ulonglong, c_void_p
from functools import cache, partial
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from trellis.errors import InputError

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_NON_BLOCKING = 1
"""A stream that does not wait for the default one."""
_CAPTURE_OF_THIS_THREAD = 1
"""While a stream is captured, other threads may go on allocating."""
_ARGUMENTS: dict[str, list[Any]] = {
    "cuInit": [c_uint],
    "cuDeviceGetCount": [c_void_p],
    "cuDeviceGet": [c_void_p, c_int],
    "cuDevicePrimaryCtxRetain": [c_void_p, c_int],
    "cuDevicePrimaryCtxRelease_v2": [c_int],
    "cuCtxSetCurrent": [c_void_p],
    "cuStreamCreate": [c_void_p, c_uint],
    "cuStreamSynchronize": [c_void_p],
    "cuStreamDestroy_v2": [c_void_p],
    "cuMemAlloc_v2": [c_void_p, c_size_t],
    "cuMemFree_v2": [c_uint64],
    "cuMemcpyHtoDAsync_v2": [c_uint64, c_void_p, c_size_t, c_void_p],
    "cuMemcpyDtoHAsync_v2": [c_void_p, c_uint64, c_size_t, c_void_p],
    "cuMemGetInfo_v2": [c_void_p, c_void_p],
    "cuEventCreate": [c_void_p, c_uint],
    "cuEventRecord": [c_void_p, c_void_p],
    "cuEventSynchronize": [c_void_p],
    "cuEventElapsedTime": [c_void_p, c_void_p, c_void_p],
    "cuEventDestroy_v2": [c_void_p],
    "cuStreamBeginCapture_v2": [c_void_p, c_int],
    "cuStreamEndCapture": [c_void_p, c_void_p],
    "cuGraphInstantiateWithFlags": [c_void_p, c_void_p, c_ulonglong],
    "cuGraphLaunch": [c_void_p, c_void_p],
    "cuGetErrorString": [c_int, c_void_p],
}
"""As the driver's C header declares them; each returns a status."""


class Device:
    """One GPU: its memory, and a stream on which all that is asked of it happens in order.

    A context manager. Arrays must stay as they are until `synchronize` returns.
    """

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self._device = c_int()
        self._context = c_void_p()
        self._stream = c_void_p()
        self._start, self._end = c_void_p(), c_void_p()
        self._buffers: set[int] = set()

    def __enter__(self) -> "Device":
        """Raises InputError where there is no driver or no such GPU."""
        _call("cuInit", 0)
        _call("cuDeviceGet", byref(self._device), self.index)
        # the context that TensorRT, by way of CUDA's runtime, works in
        _call("cuDevicePrimaryCtxRetain", byref(self._context), self._device)
        _call("cuCtxSetCurrent", self._context)
        _call("cuStreamCreate", byref(self._stream), _NON_BLOCKING)
        for event in (self._start, self._end):
            _call("cuEventCreate", byref(event), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        driver = _driver()  # after an error of the GPU's every call fails, and it is that error that counts
        for address in self._buffers:
            driver.cuMemFree_v2(address)
        self._buffers.clear()
        for event in (self._start, self._end):
            driver.cuEventDestroy_v2(event)
        driver.cuStreamDestroy_v2(self._stream)
        driver.cuDevicePrimaryCtxRelease_v2(self._device)

    @property
    def stream(self) -> int:
        """The stream's handle."""
        return self._stream.value or 0

    def allocate(self, size: int) -> int:
        """The address of `size` bytes of the GPU's memory; raises InputError where there is not so much. They are
        given back where the context manager ends."""
        address = c_uint64()
        _call("cuMemAlloc_v2", byref(address), size)
        self._buffers.add(address.value)
        return address.value

    def upload(self, array: NDArray[Any], address: int) -> None:
        """Copy a contiguous array to the GPU."""
        _call("cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self._stream)

    def download(self, address: int, array: NDArray[Any]) -> None:
        """Copy into a contiguous array."""
        _call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self._stream)

    def synchronize(self) -> None:
        """Wait until all that was asked is done."""
        _call("cuStreamSynchronize", self._stream)

    def seconds_of(self, ask: Callable[[], None]) -> float:
        """Seconds, by the GPU's own clock, that it spends on what `ask` asks of the stream; waits for it."""
        _call("cuEventRecord", self._start, self._stream)
        ask()
        _call("cuEventRecord", self._end, self._stream)
        _call("cuEventSynchronize", self._end)
        milliseconds = c_float()
        _call("cuEventElapsedTime", byref(milliseconds), self._start, self._end)
        return milliseconds.value / 1000

    def captured(self, ask: Callable[[], None]) -> Callable[[], None]:
        """What `ask` asks of the stream as one CUDA graph, which the function returned asks for again.

        It works on the same addresses; nothing is done yet. Kept until the process ends.
        """
        graph, ready = c_void_p(), c_void_p()
        _call("cuStreamBeginCapture_v2", self._stream, _CAPTURE_OF_THIS_THREAD)
        try:
            ask()
        finally:
            _call("cuStreamEndCapture", self._stream, byref(graph))
        _call("cuGraphInstantiateWithFlags", byref(ready), graph, 0)
        return partial(_call, "cuGraphLaunch", ready, self._stream)

    def free_memory(self) -> int:
        """Bytes of the GPU's memory that nobody has."""
        free, total = c_size_t(), c_size_t()
        _call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value


def has_driver() -> bool:
    """Whether NVIDIA's driver loads."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True


def has_gpu() -> bool:
    """Whether there is a GPU for this process: a driver can be there without one, or be told to show none."""
    number = c_int()
    try:
        _call("cuInit", 0)
        _call("cuDeviceGetCount", byref(number))
    except InputError:
        return False
    return number.value > 0


def _call(function: str, *arguments: Any) -> None:
    driver = _driver()
    status = getattr(driver, function)(*arguments)
    if status:
        told = c_char_p()
        driver.cuGetErrorString(status, byref(told))
        why = (told.value or b"unknown error").decode(errors="replace")
        raise InputError(
            f"The GPU does not do what running an engine takes: {why} ({function}, error {status}); "
            "check that nvidia-smi lists it and that it has memory to spare."
        )


@cache
def _driver() -> Any:
    try:
        driver = ctypes.CDLL(_DRIVER)
        for function, arguments in _ARGUMENTS.items():
            getattr(driver, function).argtypes = arguments
    except (OSError, AttributeError) as error:
        raise InputError(
            f"An engine runs on an NVIDIA GPU, and its driver does not load here ({error}); "
            "run it where nvidia-smi lists a GPU."
        ) from error
    return driver
