"""Directories in which something is being made, beside the place that it is for: whose they are, and what is left.

A stage is held by the process that fills it, by a lock that ends with it: what nobody holds was left behind.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trellis.errors import InputError
from trellis.files.claims import take
from trellis.files.disk import clear

SUFFIX = ".espalier"

_held: dict[Path, int] = {}
"""Stages of this process, each with the descriptor of its lock."""


def stage_of(place: Path) -> Path:
    """Where what is to become `place` is made."""
    return place.with_name(f".{place.name}.new{SUFFIX}")


def whole_of(stage: Path) -> Path:
    """Where a stage lies from the moment in which it counts until it is in its place."""
    return stage.with_name(f"{stage.name.removesuffix(f'.new{SUFFIX}')}.whole{SUFFIX}")


@contextmanager
def claimed(stage: Path, place: Path) -> Iterator[Path]:
    """Have the stage for `place`, which is made or emptied, for this process alone; afterwards it is gone.

    Within, it may be claimed again, to be filled. Raises InputError at once where another process has it.
    """
    key = Path(os.path.realpath(stage))
    is_ours = key in _held
    if not is_ours:
        _held[key] = _made_and_taken(stage, place)
    elif not stage.exists():  # it was moved to its place
        os.close(_held[key])
        _held[key] = _made_and_taken(stage, place)
    try:
        for left in stage.iterdir():
            clear(left)
        yield stage
    finally:
        if not is_ours:
            with suppress(OSError):  # it may have been moved to its place
                clear(stage)
            os.close(_held.pop(key))


def _made_and_taken(stage: Path, place: Path) -> int:
    for _ in range(100):  # its holder before may remove it in between
        try:
            stage.mkdir(exist_ok=True)
            held = take(stage)
        except OSError as error:
            raise InputError(f"{place} cannot be written: {error.strerror} ({stage.name}).") from error
        if held is not None:
            return held
        if stage.exists():
            break
    raise InputError(
        f"Another command is about to write {place}, or what goes beside it; wait for it, or name another place."
    )


_PATIENCE = 60.0
"""Seconds to wait for another process that is moving files into their places, which takes none."""


def finish(whole: Path, place: Path, move: Callable[[], None]) -> None:
    """Have what lies at `whole` moved to `place`, by whoever is doing that, or by `move` where nobody is.

    Raises InputError where this process may not.
    """
    until = time.monotonic() + _PATIENCE
    try:
        while os.path.isdir(whole) and time.monotonic() < until:  # noqa: PTH112  also where its name is too long
            held = take(whole)
            if held is None:
                time.sleep(0.02)
                continue
            try:
                move()
            finally:
                os.close(held)
    except OSError as error:
        raise InputError(
            f"A command was killed while it moved what it had made to {place}, and that cannot be finished here "
            f"({error.strerror}); start this once from an account that may write there."
        ) from error
