"""Which of Trainer's checkpoints are whole: those whose completion marker, written last, fits their contents."""

import json
from pathlib import Path
from typing import Any

from trellis.files.disk import clear
from trellis.files.notes import read_note, run_of, write_note

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
    write_note(checkpoint / _MARKER, _place(checkpoint), {"best": best}, _files(checkpoint))
    for other in _all(directory):
        if other not in (step, best):
            _remove(path_of(directory, other))


def clean(directory: Path) -> list[str]:
    """Remove every checkpoint that is not whole, or whose best one is not; names of those that are damaged."""
    best = {step: _best_if_whole(path_of(directory, step)) for step in _all(directory)}
    damaged = []
    for step, its_best in best.items():
        checkpoint = path_of(directory, step)
        if its_best is None or best.get(its_best) is None:
            if (checkpoint / _MARKER).exists():
                damaged.append(checkpoint.name)
            _remove(checkpoint)
    return damaged


def last_step(directory: Path) -> int | None:
    """The step to go on from: that of the last checkpoint, where `clean` has left none but whole ones."""
    marked = [step for step in _all(directory) if (path_of(directory, step) / _MARKER).is_file()]
    return max(marked, default=None)


def state_of(directory: Path, step: int) -> dict[str, Any]:
    """What Trainer noted of its progress in the checkpoint of `step`."""
    state: dict[str, Any] = json.loads((path_of(directory, step) / "trainer_state.json").read_bytes())
    return state


def _all(directory: Path) -> list[int]:
    names = [path.name.removeprefix(_PREFIX) for path in directory.glob(f"{_PREFIX}*") if path.is_dir()]
    return sorted(int(name) for name in names if name.isdecimal())


def _best_if_whole(checkpoint: Path) -> int | None:
    """The step of the best checkpoint when this one was written, or its own; None where it is not as it was then."""
    try:
        note = read_note(checkpoint / _MARKER, _place(checkpoint))
        files = {str(file.relative_to(checkpoint)) for file in _files(checkpoint)}
    except (ValueError, OSError):
        return None
    if note["files"].keys() != files:
        return None
    own = int(checkpoint.name.removeprefix(_PREFIX))
    best = note.get("best")
    return own if best is None else int(best)


def _place(checkpoint: Path) -> str:
    """A checkpoint belongs to its step, and to its run."""
    return f"{checkpoint.name} {run_of(checkpoint.parents[1])}"


def _remove(checkpoint: Path) -> None:
    clear(checkpoint / _MARKER)  # first: half a checkpoint must not look like one
    clear(checkpoint)


def _files(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != _MARKER)
