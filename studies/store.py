"""The stored numbers: one file for each study, a JSON array with one cell on a line, packed where it ends in .gz.

A study adds each cell as it finishes, so that it can be gone on with. The same cells are the same bytes.
"""

import gzip
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trellis.errors import InputError
from trellis.files.claims import take
from trellis.files.json_file import json_text, read_json
from trellis.files.replace import check_file, replace_file

_FORMAT = 1

Cell = dict[str, Any]


def prepare_store(store: Path) -> None:
    """Raise InputError, before anything is measured, where no cell could be added to `store`."""
    _cells(store)
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{store.parent} cannot be made a directory: {error.strerror}.") from None
    check_file(store)


def is_stored(
    store: Path, name: str, arguments: Sequence[str], inputs: Mapping[str, str] | None = None
) -> bool:
    """Whether the cell is there; raises InputError where it is, but from other arguments or other `inputs`.

    Those are what the arguments stand for and where it all ran. Older cells do not say them.
    """
    cell = find_cell(store, name)
    if cell is None:
        return False
    if cell["arguments"] != list(arguments):
        raise InputError(
            f"{name} in {store} was found with other arguments ({' '.join(cell['arguments'])}); "
            "name another --store."
        )
    check_same(f"{name} in {store}", cell.get("inputs", {}), inputs or {}, "--store")
    return True


def check_same(place: object, found: Mapping[str, str], wanted: Mapping[str, str], option: str) -> None:
    """Raise InputError where what `place` was made with, as far as it says, is not what is `wanted` now."""
    for name, value in wanted.items():
        if found.get(name, value) != value:
            raise InputError(
                f"{place} was found with another {name} ({found[name]}, and now {value}); name another {option}."
            )


def write_cell(
    store: Path,
    name: str,
    part: str,
    arguments: Sequence[str],
    found: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
) -> None:
    """Keep what was found in the cell, beside the cells that are there; the rest as for `is_stored`.

    Raises InputError where `store` holds something else, its directory is not there, or nothing can be written.
    """
    cell = {
        "format": _FORMAT,
        "name": name,
        "part": part,
        "arguments": list(arguments),
        "inputs": dict(inputs or {}),
        "found": found,
    }
    with _held(store.parent.resolve()):
        cells = _cells(store) | {name: cell}
        lines = ",\n".join(json_text(cells[each], f"{each} in {store}") for each in sorted(cells))
        content = f"[\n{lines}\n]\n".encode()
        with replace_file(store) as staging:
            staging.write_bytes(_packed(content) if store.suffix == ".gz" else content)


def find_cell(store: Path, name: str) -> Cell | None:
    """The cell of that name, if it is stored. Raises InputError where `store` holds something else."""
    return _cells(store).get(name)


def read_store(store: Path) -> dict[str, Cell]:
    """All stored cells by name, in its order. Raises InputError where there are none."""
    cells = _cells(store)
    if not cells:
        raise InputError(f"{store} holds no stored cells; run the study first.")
    return cells


def _cells(store: Path) -> dict[str, Cell]:
    """Empty where there is no such file yet."""
    if store.is_dir():
        raise InputError(f"{store} is a directory; name a file for --store, such as {store}.json.gz.")
    if not store.exists():
        return {}
    cells = read_json(store, "store of a study")
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise InputError(
            f"{store} is no store of a study: not all of it is a cell in the format {_FORMAT}; "
            "name another --store."
        )
    return {cell["name"]: cell for cell in cells}


def _is_cell(value: Any) -> bool:
    return isinstance(value, dict) and value.get("format") == _FORMAT and isinstance(value.get("name"), str)


def _packed(content: bytes) -> bytes:
    """As gzip, with neither a time nor a name in it."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Nobody else adds a cell to a store in `folder` meanwhile: all is read and written again for one."""
    while (lock := take(folder)) is None:
        time.sleep(0.02)
    try:
        yield
    finally:
        os.close(lock)
