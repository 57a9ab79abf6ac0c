"""The stored numbers: one JSON file for each cell, written as it finishes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trellis.errors import InputError
from trellis.files.json_file import read_json, write_json

_FORMAT = 1


def path_of(store: Path, name: str) -> Path:
    """Where the cell of that name is kept."""
    return store / f"{name}.json"


def is_stored(
    store: Path, name: str, arguments: Sequence[str], inputs: Mapping[str, str] | None = None
) -> bool:
    """Whether the cell is there; raises InputError where it is, but from other arguments or other `inputs`.

    Those are what the arguments stand for and where it all ran. Older cells do not say them.
    """
    path = path_of(store, name)
    if not path.is_file():
        return False
    found = read_cell(path)
    if found["arguments"] != list(arguments):
        raise InputError(
            f"{path} was found with other arguments ({' '.join(found['arguments'])}); name another --store, or "
            "remove it."
        )
    check_same(path, found.get("inputs", {}), inputs or {}, "--store")
    return True


def check_same(place: Path, found: Mapping[str, str], wanted: Mapping[str, str], option: str) -> None:
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
    """Keep what was found in the cell; the rest as for `is_stored`."""
    cell = {
        "format": _FORMAT,
        "name": name,
        "part": part,
        "arguments": list(arguments),
        "inputs": dict(inputs or {}),
        "found": found,
    }
    write_json(path_of(store, name), cell)


def read_cell(path: Path) -> dict[str, Any]:
    """One stored cell; raises InputError where it is none."""
    cell = read_json(path, "stored cell")
    if not isinstance(cell, dict) or cell.get("format") != _FORMAT:
        raise InputError(
            f"{path} is no cell of a study in the format {_FORMAT}; name the folder of a --store."
        )
    return cell


def read_store(store: Path) -> dict[str, dict[str, Any]]:
    """All stored cells by name. Raises InputError where there are none."""
    found = {cell["name"]: cell for cell in map(read_cell, sorted(store.glob("*.json")))}
    if not found:
        raise InputError(f"{store} holds no stored cells; run the study first.")
    return found
