"""Which of Trainer's checkpoints are whole: those whose completion marker, written last, fits their files."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from prune.qa.json_file import write_json

_MARKER = "complete.json"
_PREFIX = "checkpoint-"


def path_of(directory: Path, step: int) -> Path:
    """Where Trainer puts the checkpoint of `step`."""
    return directory / f"{_PREFIX}{step}"


def finish(directory: Path, step: int, *, best: int | None) -> None:
    """Mark the checkpoint of `step`, whose files are all written, and remove all others but that of `best`.

    What it replaces is removed only when it is on the disk itself, so that there always is a whole one.
    """
    checkpoint = path_of(directory, step)
    sizes = {}
    for file in _files(checkpoint):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
        sizes[str(file.relative_to(checkpoint))] = file.stat().st_size
    write_json(checkpoint / _MARKER, sizes)
    for other in _all(directory):
        if other not in (step, best):
            _remove(path_of(directory, other))


def clean(directory: Path) -> None:
    """Remove every checkpoint that is not whole."""
    for step in _all(directory):
        if not _is_whole(path_of(directory, step)):
            _remove(path_of(directory, step))


def last_step(directory: Path) -> int | None:
    """The step to go on from: that of the last whole checkpoint."""
    return max((step for step in _all(directory) if _is_whole(path_of(directory, step))), default=None)


def state_of(directory: Path, step: int) -> dict[str, Any]:
    """What Trainer noted of its progress in the checkpoint of `step`."""
    state: dict[str, Any] = json.loads((path_of(directory, step) / "trainer_state.json").read_bytes())
    return state


def _all(directory: Path) -> list[int]:
    names = [path.name.removeprefix(_PREFIX) for path in directory.glob(f"{_PREFIX}*") if path.is_dir()]
    return sorted(int(name) for name in names if name.isdecimal())


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / _MARKER).read_bytes())
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _remove(checkpoint: Path) -> None:
    (checkpoint / _MARKER).unlink(missing_ok=True)  # first: half a checkpoint must not look like one
    shutil.rmtree(checkpoint)


def _files(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != _MARKER)
