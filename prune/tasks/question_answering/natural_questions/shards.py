"""The lines of a set of files, plain or gzip, one at a time: memory does not grow with the set."""

import glob
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from prune.tasks.question_answering.answer import Progress
from trellis.errors import InputError

_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_LONGEST_LINE = 1 << 27
"""Bytes of one document; the longest that Google published have about a quarter of that."""


def shards(source: str) -> list[Path]:
    """The files that `source` stands for: one file, those of a directory by their ending, or of a glob.

    Sorted by name. Raises InputError where there are none.
    """
    path = Path(source)
    if source and path.is_dir():
        found = [entry for entry in path.iterdir() if entry.name.endswith(_ENDINGS)]
    else:
        # Path.glob takes no absolute pattern.
        names = [source] if path.is_file() else glob.glob(source, recursive=True)  # noqa: PTH207
        found = [Path(name) for name in names]
    files = sorted(entry for entry in found if entry.is_file())
    if not files:
        raise InputError(
            f"There are no Natural Questions at {source!r}; give a file, a directory of {', '.join(_ENDINGS)} "
            "files, or a pattern such as 'train/*.jsonl.gz'."
        )
    return files


def read_lines(source: str, progress: Progress | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (place, line) for each line that is not blank, of all files of `source`, unpacked.

    A file that begins with "{" alone on its line is one record over many lines. `progress` is called with
    (bytes read, bytes in all), as they lie on disk. Raises InputError, naming file and line, for what cannot
    be read or unpacked and for lines beyond 128 MiB.
    """
    files = shards(source)
    total, before = sum(path.stat().st_size for path in files), 0
    for path in files:
        number = 0
        try:
            with path.open("rb") as file:
                packed = file.peek(2)[:2] == b"\x1f\x8b"
                # A GzipFile reads as a binary file does, but is not declared to be one.
                unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
                for number, line in enumerate(_lines(unpacked), 1):
                    if len(line) > _LONGEST_LINE:
                        raise InputError(
                            f"{path}, line {number} is longer than {_LONGEST_LINE >> 20} MiB; "
                            "expected one document to a line."
                        )
                    if line.strip():
                        yield f"{path}, line {number}", line
                    if progress:
                        progress(before + file.tell(), total)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{path} cannot be read beyond line {number}: {getattr(error, 'strerror', None) or error}."
            ) from None
        before += path.stat().st_size


def _lines(file: BinaryIO) -> Iterator[bytes]:
    first = file.readline(_LONGEST_LINE + 1)
    if first.strip() == b"{":
        first += file.read(_LONGEST_LINE)
    while first:
        yield first
        first = file.readline(_LONGEST_LINE + 1)
