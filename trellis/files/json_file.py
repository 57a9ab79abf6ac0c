"""JSON files in and out: what is read is untrusted, what is written is whole or not there."""

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

from trellis.errors import InputError
from trellis.files.replace import replace_file

MOST_UNPACKED = 2**30
"""Bytes that a packed file may unpack to: a small one could fill the memory."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(path: Path, what: str) -> Any:
    """Parse the file at `path`, plain or gzip; raises InputError, calling it `what`, where it is absent or no JSON.

    NaN and infinity are none, and `write_json` does not write them either.
    """
    if path.is_char_device():  # some never end
        raise InputError(f"The {what} {path} is a device, or a link to one; give a file.")
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=BytesIO(content)) as packed:  # a pipe cannot be read again
                content = packed.read(MOST_UNPACKED + 1)
            if len(content) > MOST_UNPACKED:
                raise InputError(
                    f"The {what} {path} unpacks to more than {MOST_UNPACKED >> 20} MiB; unpack it."
                )
        return json.loads(content, parse_constant=_refuse)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"There is no {what} at {path}.") from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"The {what} {path} cannot be read: {why}.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} {path} is not UTF-8 text ({error.reason} at byte {error.start}); convert it to UTF-8."
        ) from None
    except RecursionError:
        raise InputError(f"The {what} {path} is nested too deeply to be one.") from None
    except ValueError as error:
        raise InputError(f"The {what} {path} is not valid JSON: {error}.") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def write_json(path: Path, value: Any, *, indent: int | None = None) -> None:
    """Write `value` beside `path`, then rename: an interrupted write leaves what stood there before.

    Raises InputError where the place cannot be written, or as `json_text` does.
    """
    text = json_text(value, str(path), indent=indent)
    try:
        with replace_file(path) as staging:
            staging.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None


def json_text(value: Any, what: str, *, indent: int | None = None) -> str:
    """`value` as JSON that can be encoded: halves of surrogate pairs, as in names of files, come escaped.

    Raises InputError, calling it `what` and naming the place, where a number is NaN or infinite.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except ValueError:
        place = next(_not_finite(value), None)
        if place is None:  # a value within itself
            raise
        raise InputError(
            f"{what} would hold a number that is not finite{place and ' at '}{place}, which JSON has not."
        ) from None
    return _SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _not_finite(value: Any, place: str = "") -> Iterator[str]:
    """Where in `value` there are such numbers, e.g. scores.f1."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _not_finite(inner, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _not_finite(inner, f"{place}[{index}]")
