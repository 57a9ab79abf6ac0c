"""TensorRT's timing cache as a file: how fast each kernel was here, so that the next build need not try it.

TensorRT for RTX chooses kernels where the engine runs; its caches are empty, and are kept all the same.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from export.runtimes.tensorrt.library import Library, shortened
from trellis.errors import InputError
from trellis.files.replace import replace_file


def attach(library: Library, config: Any, path: Path) -> str | None:
    """Have the build read the cache at `path`, if there is one; a note for the user where it does not fit.

    One that is damaged, or from another GPU or version, is left out and left alone. Raises InputError where
    the file is there and cannot be read.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        stored = b""
    except OSError as error:
        raise InputError(f"The timing cache {path} cannot be read: {error.strerror}.") from None
    with library.heard() as messages, _quiet():
        cache = config.create_timing_cache(stored)
        fits = cache is not None and config.set_timing_cache(cache, False)
        if fits and not (stored and messages):  # TensorRT for RTX says only in its log that it starts anew
            return None
        told = shortened(*(text for _, text in messages), length=200)
        config.set_timing_cache(config.create_timing_cache(b""), False)
    return (
        f"The timing cache {path} does not fit this {library.title} and this GPU ({told}); it was not used and "
        "is as it was: name another file, or delete it."
    )


def keep(config: Any, path: Path) -> None:
    """Write what the build found out to `path`, whole or not at all; raises InputError where it cannot be."""
    with _quiet():
        stored = config.get_timing_cache().serialize()
    try:
        with replace_file(path) as staging:
            staging.write_bytes(memoryview(stored))
    except OSError as error:
        raise InputError(f"The timing cache {path} cannot be written: {error.strerror}.") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorRT for RTX has deprecated its caches, which do nothing there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
