"""What a disk says and is told: that it is full, and that what was written must really lie on it."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trellis.errors import InputError

_TAKES_NO_MORE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TORCH_CANNOT_WRITE = ("inline_container.cc", "iostream error")
"""In a RuntimeError of torch.save."""


def refusal(error: BaseException) -> str | None:
    """Why the disk took no more, where that is what `error` says; tokenizers, safetensors and torch have own ways."""
    if isinstance(error, OSError):
        return error.strerror if error.errno in _TAKES_NO_MORE else None
    said = str(error)
    number = re.search(r"\(os error (\d+)\)", said)
    if number and int(number[1]) in _TAKES_NO_MORE:
        return os.strerror(int(number[1]))
    if said.startswith("Error while serializing") or any(sign in said for sign in _TORCH_CANNOT_WRITE):
        return " ".join(said.split())[:200]
    return None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write what is to become `path` within. Raises InputError where the disk takes no more."""
    try:
        yield
    except Exception as error:
        reason = refusal(error)
        if reason is None or isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be written: {reason}.") from error


def sync(path: Path) -> None:
    """Return when the file, or the entries of the directory, lie on the disk."""
    held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(held)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
        ):  # some file systems cannot do that for directories
            raise
    finally:
        os.close(held)


def sync_tree(directory: Path) -> None:
    """`sync` for a directory and all that is in it."""
    for folder, _, names in os.walk(directory, topdown=False):
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink():
                sync(path)
        sync(Path(folder))


def clear(path: Path) -> None:
    """Remove a file, a link or a whole directory, if it is there; others may be doing the same."""
    while path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
    with suppress(FileNotFoundError):
        path.unlink()
