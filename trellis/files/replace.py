"""Files and directories written whole or not at all: made beside their place, then moved into it.

What a killed process left of it goes by names that end in .espalier, and the next one removes it.
"""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from trellis.errors import InputError
from trellis.files.claims import take
from trellis.files.disk import clear, sync, sync_tree, writing
from trellis.files.underway import SUFFIX, claimed, finish, stage_of, whole_of


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it takes the place of `path`, on any failure it vanishes.

    Raises InputError where nothing can be written there, or the disk is full.
    """
    check_file(path)
    with writing(path), _locked_file(path) as staging:
        try:
            yield staging
            staging.chmod(0o666 & ~_umask())
            sync(staging)
            staging.replace(path)
            sync(path.parent)
        finally:
            staging.unlink(missing_ok=True)


@contextmanager
def replace_directory(directory: Path) -> Iterator[Path]:
    """Yield a directory to fill; on success it takes the place of `directory`, on any failure it vanishes.

    Directories cannot be exchanged in one step. A process killed between the two that it takes leaves a new
    one that is whole beside its place; `settle_directory` moves it there. Raises InputError where nothing can
    be written there, the disk is full, or another process is at work on the same directory.
    """
    check_writable(directory)
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file; name a directory.")
    with claim_directory(directory) as stage, writing(directory):
        clear(_old(directory))
        yield stage
        prepare(stage)
        if directory.exists():
            stage.replace(whole_of(stage))
            sync(directory.parent)
            try:
                _exchange(directory)
            except BaseException:  # what is decided is done
                _exchange(directory)
                raise
        else:
            stage.replace(directory)
        sync(directory.parent)


def claim_directory(directory: Path) -> AbstractContextManager[Path]:
    """Keep other processes from replacing `directory`, until it is left.

    Raises InputError at once where one is about to.
    """
    settle_directory(directory)
    return claimed(stage_of(directory), directory)


def settle_directory(directory: Path) -> None:
    """Move what a killed `replace_directory` had made whole to `directory`, if there is such.

    For whoever is about to read it. Raises InputError where this process may not.
    """
    finish(whole_of(stage_of(directory)), directory, lambda: _exchange(directory))


def _exchange(directory: Path) -> None:
    """Put the whole new directory into the place of the old one, from wherever that stopped."""
    whole, old = whole_of(stage_of(directory)), _old(directory)
    if whole.exists():
        if directory.exists():
            clear(old)
            directory.replace(old)
        whole.replace(directory)
    if directory.exists():
        clear(old)


def _old(directory: Path) -> Path:
    """Where the old directory waits until the new one is in its place."""
    return directory.with_name(f".{directory.name}.old{SUFFIX}")


def prepare(stage: Path) -> None:
    """Give all files in `stage` the user's rights, and have them lie on the disk."""
    for path in stage.rglob("*"):  # some libraries write for their user alone
        if path.is_file():
            path.chmod(0o666 & ~_umask())
    stage.chmod(0o777 & ~_umask())
    sync_tree(stage)


def check_writable(path: Path) -> None:
    """Raise InputError unless a file or directory of this name can be put where it is to go.

    What killed processes left on its way there is removed.
    """
    parent = path.parent
    if not parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no directory {parent}; create it first.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"{path} cannot be written: the directory {parent} is not writable.")
    _remove_left(path)
    try:  # /proc and some mounts say that they are writable and take nothing
        handle, probe = _temporary(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: the directory {parent} takes no file ({error.strerror})."
        ) from None
    os.close(handle)
    Path(probe).unlink()


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


@contextmanager
def _locked_file(path: Path) -> Iterator[Path]:
    """A new file beside `path` that is known to be written by a living process."""
    held = None
    while held is None:  # one who tidies up may come between the two
        handle, name = _temporary(path)
        os.close(handle)
        held = take(Path(name))
    try:
        yield Path(name)
    finally:
        os.close(held)


def _temporary(path: Path) -> tuple[int, str]:
    return tempfile.mkstemp(prefix=f".{path.name}.", suffix=SUFFIX, dir=path.parent)


def _remove_left(path: Path) -> None:
    """Remove what killed processes left on its way to `path`; what a living one writes stays."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}{re.escape(SUFFIX)}")
    for left in path.parent.iterdir():
        if not ours.fullmatch(left.name):
            continue
        with suppress(OSError):  # it may be another user's
            if (held := take(left)) is not None:
                left.unlink(missing_ok=True)
                os.close(held)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
