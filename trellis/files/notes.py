"""Files that are read back one day, held against what was noted of them when they were written."""

import json
from collections.abc import Collection, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from trellis.files.disk import sync
from trellis.files.json_file import write_json

INPUTS = "inputs.json"
"""In the folder of a stage: all that it depends on."""

_BLOCK = 1 << 22


def write_note(note: Path, place: str, value: Mapping[str, Any], files: Collection[Path]) -> None:
    """Note `value` and the digests of `files`, which lie in the note's folder, when all of them are on the disk.

    `place` is what the note must not be taken away from: at another one it holds no more.
    """
    for file in files:
        sync(file)
    for folder in {note.parent, *(file.parent for file in files)}:
        sync(folder)
    digests = {str(file.relative_to(note.parent)): digest_of(file) for file in files}
    body = {"place": place, "files": digests, **value}
    write_json(note, body | {"digest": _digest(body)})


def read_note(note: Path, place: str) -> dict[str, Any]:
    """What `write_note` noted at `place`.

    Raises ValueError, naming the file, where note or files are not as they were written.
    """
    try:
        body = json.loads(note.read_bytes())
        noted = body.pop("digest")
        fits = noted == _digest(body) and body["place"] == place
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise ValueError(note.name)
    for name, digest in body["files"].items():
        try:
            fits = digest_of(note.parent / name) == digest
        except OSError:
            fits = False
        if not fits:
            raise ValueError(name)
    found: dict[str, Any] = body
    return found


def run_of(directory: Path) -> str:
    """Tells the run that `directory` belongs to from others: what its inputs.json says, if there is one."""
    inputs = directory / INPUTS
    return digest_of(inputs) if inputs.is_file() else ""


def digest_of(file: Path) -> str:
    """Of a plain file's content. Raises OSError where there is none."""
    digest = blake2b(digest_size=32)
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digest(body: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=32).hexdigest()
