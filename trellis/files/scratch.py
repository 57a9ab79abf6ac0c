"""Passing directories for what is built on the way; those of killed processes go when the next one is made."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trellis.files.claims import take
from trellis.files.disk import clear

_PREFIX = "espalier-scratch-"
_OURS = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory of this process's own, gone afterwards. Raises OSError where none can be made."""
    _remove_left(Path(tempfile.gettempdir()))
    held = None
    while held is None:  # one who tidies up may come between the two
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
        held = take(directory)
    try:
        yield directory
    finally:
        with suppress(OSError):
            clear(directory)
        os.close(held)


def _remove_left(folder: Path) -> None:
    """What no living process holds."""
    for left in folder.iterdir():
        if not _OURS.fullmatch(left.name):
            continue
        with suppress(OSError):
            if left.lstat().st_uid == os.geteuid() and (held := take(left)) is not None:
                clear(left)
                os.close(held)
