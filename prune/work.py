"""The work folder: what long stages found, so that the same command goes on where it was cut off.

Each stage has a folder of its own, named after everything that its result depends on; a marker that is
written last says that it is whole. Another model, another flag, another question is another folder.
"""

import fcntl
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prune.errors import InputError
from prune.qa.json_file import write_json
from prune.ranks import ranks, wait

_FORMAT = 1
"""Raised whenever a stage would find something else from the same inputs."""

_INPUTS, _MARKER, _LOCK = "inputs.json", "done.json", "lock"


@dataclass(frozen=True)
class Work:
    """An opened work folder; see `open_work`."""

    root: Path

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
    ) -> tuple[Any, Path]:
        """The result of a stage, plain values for JSON, and its folder; computed unless it is there already.

        `inputs` is everything that the result depends on, as plain values. `compute` gets the stage's folder,
        in which it may find what it left there when it was cut off. Of several processes the first computes
        and the others wait, or all do `together`; all return what was written down.
        """
        described = {"format": _FORMAT, "stage": name, **inputs}
        text = json.dumps(described, sort_keys=True, allow_nan=False)
        directory = self.root / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        marker = directory / _MARKER
        group = ranks()
        wait()  # nobody looks while another is still writing the stage before
        if not marker.is_file():
            wait()
            if group.is_main:
                directory.mkdir(exist_ok=True)
                write_json(directory / _INPUTS, described, indent=2)
            wait()
            result = compute(directory) if together or group.is_main else None
            if group.is_main:
                write_json(marker, {"result": result})
            wait()
        return json.loads(marker.read_bytes())["result"], directory


@contextmanager
def open_work(root: Path | None) -> Iterator[Work]:
    """Open the work folder at `root`, which is made if need be, or a passing one where there is no root.

    Raises InputError where it cannot be made, is something else, or another command is at work in it.
    """
    if root is None:
        with tempfile.TemporaryDirectory(prefix="espalier-") as passing:
            yield Work(Path(passing))
        return
    if root.exists() and not root.is_dir():
        raise InputError(f"The work folder {root} is a file; name a directory with --work.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / _LOCK).open("a")
    except OSError as error:
        raise InputError(
            f"The work folder {root} cannot be made ({error}); name another with --work."
        ) from error
    with lock:
        if ranks().is_main:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InputError(
                    f"Another command is at work in {root}; wait for it, or name another folder with --work."
                ) from None
        yield Work(root)
