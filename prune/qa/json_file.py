"""JSON files in and out: what is read is untrusted, what is written is whole or not there."""

import json
from pathlib import Path
from typing import Any, NoReturn

from prune.errors import InputError
from prune.staging import replace_file


def read_json(path: Path, what: str) -> Any:
    """Parse the file at `path`; raises InputError, calling it `what`, where it is absent or no JSON.

    NaN and infinity are none, and `write_json` does not write them either.
    """
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse)
    except FileNotFoundError:
        raise InputError(f"There is no {what} at {path}.") from None
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise InputError(f"The {what} {path} is nested too deeply to be one.") from None
    except ValueError as error:
        raise InputError(f"The {what} {path} is not valid JSON: {error}.") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def write_json(path: Path, value: Any, *, indent: int | None = None) -> None:
    """Write `value` beside `path`, then rename: an interrupted write leaves what stood there before.

    Raises InputError where the place cannot be written, ValueError where `value` holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        with replace_file(path) as staging:
            staging.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
