"""The work folder: what long stages found, so that the same command goes on where it was cut off.

Each stage has a folder of its own, named after everything that its result depends on; a marker that is
written last says that it is whole, and what its files were. Another model, another flag, another question is
another folder.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from safetensors import SafetensorError

from trellis.errors import InputError, Parameter
from trellis.files.disk import clear, refusal
from trellis.files.json_file import write_json
from trellis.files.notes import INPUTS, read_note, write_note
from trellis.files.scratch import scratch
from trellis.ranks import ranks, wait

_FORMAT = 1
"""Raised whenever a stage would find something else from the same inputs."""

_MARKER, _LOCK = "done.json", "lock"
_WORK = Parameter("work")


@dataclass(frozen=True)
class Work:
    """An opened work folder; see `open_work`."""

    root: Path
    say: Callable[[str], None] = lambda sentence: None
    """Told what is not as it was left."""

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes."""
        return ranks().is_main

    def stage(
        self,
        name: str,
        inputs: Mapping[str, Any],
        compute: Callable[[Path], Any],
        *,
        together: bool = False,
        kept: Collection[str] = (),
        passing: Collection[str] = (),
        clean: Callable[[Path], Iterable[str]] = lambda directory: (),
    ) -> tuple[Any, Path]:
        """The result of a stage, plain values for JSON, and its folder; computed unless it is there already.

        `inputs` is everything that the result depends on, as plain values. `compute` gets the stage's folder,
        in which it may find what it left there when it was cut off. Of several processes the first computes
        and the others wait, or all do `together`; all return what was written down.

        `kept` are the files in the folder that are read back, `passing` what `compute` may leave beside them.
        Result and kept files are believed only if they are as they were written; else all is made again, and
        that is said. `clean` rids the folder of a stage that was cut off of what is damaged, and tells what
        that was. Raises InputError where the folder cannot be made or takes no more.
        """
        described = {"format": _FORMAT, "stage": name, **inputs}
        text = json.dumps(described, sort_keys=True, allow_nan=False)
        directory = self.root / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        marker = directory / _MARKER
        group = ranks()
        wait()  # nobody looks while another is still writing the stage before
        if group.is_main:
            self._check(directory, kept, passing)
        wait()
        if not marker.is_file():
            wait()
            if group.is_main:
                _begin(directory, described)
                for damage in clean(directory):
                    self.say(f"{damage} in {directory.name} was damaged and is left out")
            wait()
            with _at_work(directory):
                result = compute(directory) if together or group.is_main else None
            if group.is_main:
                write_note(marker, directory.name, {"result": result}, [directory / name for name in kept])
            wait()
        with reading(directory):
            return json.loads(marker.read_bytes())["result"], directory

    def _check(self, directory: Path, kept: Collection[str], passing: Collection[str]) -> None:
        """Remove a stage that is not as it was left; name what nobody knows in one that is."""
        if not os.path.lexists(directory / _MARKER):
            return
        try:
            note = read_note(directory / _MARKER, directory.name)
            if note["files"].keys() != set(kept):
                raise ValueError(_MARKER)
        except ValueError as error:
            self.say(f"{error} in {directory.name} is not as it was left; that stage is made again")
            with _making(directory):
                clear(directory)
            return
        known = {INPUTS, _MARKER, *passing, *(name.partition("/")[0] for name in kept)}
        strangers = sorted(path.name for path in directory.iterdir() if path.name not in known)
        if strangers:
            self.say(f"{', '.join(strangers[:3])} in {directory.name} is of no stage, and is left alone")


_UNREADABLE = (SafetensorError, OSError, RuntimeError, ValueError, LookupError, TypeError)
"""What readers of damaged files raise; InputError is a ValueError."""


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """Read within what a stage left in its folder. Raises InputError where that cannot be."""
    try:
        yield
    except _UNREADABLE as error:
        raise _damaged(directory, error) from error


@contextmanager
def _at_work(directory: Path) -> Iterator[None]:
    """Compute within; what safetensors and torch call a full disk or a damaged file is an InputError."""
    try:
        yield
    except (InputError, SafetensorError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, InputError) else error
        if cause and (reason := refusal(cause)):
            raise InputError(
                f"Nothing more can be written to {directory} ({reason}); make room, and the same "
                "command goes on from here."
            ) from error
        if isinstance(error, SafetensorError):
            raise _damaged(directory, error) from error
        raise


def _damaged(directory: Path, error: Exception) -> InputError:
    return InputError(
        f"What a stage left in {directory} is damaged ({shorten(str(error), 200)}); remove that folder, and "
        "the same command makes it anew."
    )


@contextmanager
def open_work(root: Path | None, say: Callable[[str], None] = lambda sentence: None) -> Iterator[Work]:
    """Open the work folder at `root`, which is made if need be, or a passing one where there is no root.

    `say` is told what in it is not as it was left. A new one in which no stage was begun vanishes again.
    Raises InputError where it cannot be made, is something else, or another command is at work in it.
    """
    if root is None:
        with scratch() as passing:
            yield Work(passing, say)
        return
    if not ranks().is_main:
        wait()
        yield Work(root, say)
        return
    is_new = not root.exists()
    with _locked(root):
        wait()
        try:
            yield Work(root, say)
        finally:
            if is_new and [path.name for path in root.iterdir()] == [_LOCK]:
                with suppress(OSError):
                    (root / _LOCK).unlink()
                    root.rmdir()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Make the folder if need be, and keep other commands out of it."""
    if root.exists() and not root.is_dir():
        raise InputError("The work folder {} is a file; name a directory with {}.", root, _WORK)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / _LOCK).open("a")
    except OSError as error:
        raise InputError(
            "The work folder {} cannot be made ({}); name another with {}.", root, error, _WORK
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "Another command is at work in {}; wait for it, or name another folder with {}.", root, _WORK
            ) from None
        except OSError as error:
            raise InputError(
                "The work folder {} cannot be locked ({}); name one on a local disk with {}.",
                root,
                error,
                _WORK,
            ) from error
        yield


def _begin(directory: Path, described: Mapping[str, Any]) -> None:
    """Make a stage's folder, or rid it of the half-written files of one that was killed."""
    with _making(directory):
        directory.mkdir(exist_ok=True)
        for left in directory.glob(".*"):  # as trellis.files.replace names them
            clear(left)
    write_json(directory / INPUTS, described, indent=2)


@contextmanager
def _making(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            "The stage folder {} cannot be made ({}); clear the way, or name another folder with {}.",
            *(directory, error, _WORK),
        ) from error
