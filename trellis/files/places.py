"""What a run reads and what it writes, told apart by the files themselves, whatever names they go by."""

import errno
import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trellis.errors import InputError
from trellis.files.replace import check_file

Identity = tuple[int | str, ...]


@dataclass(frozen=True)
class Written:
    """A file or directory that a run is to write."""

    path: Path
    option: str
    """What asked for it, like --json; empty: the command writes it by itself."""


def check_files(files: Sequence[Written], read: Iterable[Path], work: Path | None = None) -> None:
    """Raise InputError where one of `files` cannot be written to its place, or see `check_places`."""
    for file in files:
        check_file(file.path, file.option)
    check_places(files, read, work)


def check_places(written: Sequence[Written], read: Iterable[Path], work: Path | None = None) -> None:
    """Raise InputError where what is to be written would take the place of something else.

    That is a file that is read, another one that is written, or whatever lies in the work folder. Files are
    the same if they are on disk: symbolic and hard links, `./x` and `x`.
    """
    inputs = {each for path in read for each in identities(path)}
    taken: dict[Identity, Written] = {}
    for place in written:
        named = f"{place.option} {place.path}".lstrip()
        if work is not None and _real(place.path).is_relative_to(_real(work)):
            raise InputError(
                f"{named} would lie in the work folder {work}, which holds nothing but stages; name another place."
            )
        ours = identities(place.path)
        if ours & inputs:
            raise InputError(f"{named} is a file that is read; name another.")
        for other in (taken[each] for each in ours if each in taken):
            raise InputError(_both(other, place))
        taken |= dict.fromkeys(ours, place)


def identities(path: Path) -> frozenset[Identity]:
    """What `path` is known by on disk: the file behind it, if there is one, and its places in directories.

    Raises InputError for a symbolic link that leads back to itself.
    """
    found: set[Identity] = set()
    try:
        there = path.stat()
    except OSError as error:
        _refuse_loop(path, error)
    else:
        found.add((there.st_dev, there.st_ino))
    for place in (path, _real(path)):
        try:
            parent = place.parent.stat()
        except OSError as error:
            _refuse_loop(path, error)
            found.add((str(place.absolute()),))
        else:
            found.add((parent.st_dev, parent.st_ino, place.name))
    return frozenset(found)


def data_files(source: str | Path) -> list[Path]:
    """The files that a data set consists of: a file, all files of a directory, or what a pattern matches."""
    path = Path(source)
    if path.is_dir():
        return [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
    found = [Path(name) for name in glob.glob(str(source), recursive=True)]  # noqa: PTH207 (absolute patterns)
    return [path, *(each for each in found if each.is_file())]


def _both(first: Written, second: Written) -> str:
    if first.option and second.option:
        return (
            f"{first.option} and {second.option} would both be written to {second.path}; give one of them "
            "another FILE."
        )
    named = f"{second.option or first.option} {(second if second.option else first).path}".lstrip()
    return f"{named} is a file that the command writes itself; name another."


def _real(path: Path) -> Path:
    """Without symbolic links, as far as it exists; a loop stays as it is."""
    return Path(os.path.realpath(path))


def _refuse_loop(path: Path, error: OSError) -> None:
    if error.errno == errno.ELOOP:
        raise InputError(f"{path} is a link that leads to itself; name another.") from None
