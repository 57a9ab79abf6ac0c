"""Files and directories written whole or not at all: made beside their place, then moved into it."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prune.errors import InputError


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it takes the place of `path`, on any failure it vanishes.

    Raises InputError where nothing can be written there.
    """
    check_file(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    staging = Path(name)
    try:
        yield staging
        staging.chmod(0o666 & ~_umask())
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


@contextmanager
def replace_directory(directory: Path) -> Iterator[Path]:
    """Yield a directory to fill; on success it takes the place of `directory`, on any failure it vanishes.

    Directories cannot be exchanged in one step: a process killed just between the two renames leaves the old
    one, whole, in a hidden .NAME.old.* beside its place.
    """
    check_writable(directory)
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file; name a directory.")
    staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        yield staging
        for file in staging.rglob("*"):  # some libraries write for their user alone
            if file.is_file():
                file.chmod(0o666 & ~_umask())
        staging.chmod(0o777 & ~_umask())
        if directory.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{directory.name}.old.", dir=directory.parent))
            directory.replace(old / "old")
            try:
                staging.replace(directory)
            except BaseException:
                (old / "old").replace(directory)
                old.rmdir()
                raise
            shutil.rmtree(old)
        else:
            staging.replace(directory)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_writable(path: Path) -> None:
    """Raise InputError unless a file or directory of this name can be put where it is to go."""
    parent = path.parent
    if not parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no directory {parent}; create it first.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"{path} cannot be written: the directory {parent} is not writable.")


def check_file(path: Path, option: str = "") -> None:
    """Raise InputError unless a file can be put at `path`, or in the place of one; `option` asked for it."""
    check_writable(path)
    if is_loop(path):
        raise InputError(f"{option} {path} is a link that leads to itself; name a file.".lstrip())
    if path.exists() and not path.is_file():
        what = "a directory" if path.is_dir() else "no plain file"
        raise InputError(f"{option} {path} is {what}; name a file.".lstrip())


def is_loop(path: Path) -> bool:
    """Whether `path` is a symbolic link that leads to itself, which some versions of Python fail at."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def check_no_input(path: Path, option: str, inputs: Iterable[Path]) -> None:
    """Raise InputError where `path`, which `option` names, is one of the files that are read."""
    if any(path.resolve() == each.resolve() for each in inputs):
        raise InputError(f"{option} {path} is a file that is read; name another.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
