"""Where a result goes beside the table on the terminal: files of several forms, or one of them on stdout."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from trellis.errors import InputError
from trellis.files import json_file
from trellis.files.places import Written, check_files, check_places
from trellis.files.replace import replace_file

T = TypeVar("T")

STDOUT = "-"


@dataclass(frozen=True)
class Output(Generic[T]):
    """One form of a result, and its place."""

    option: str
    """What asked for it, like --csv."""
    place: str
    """A file's name, or - for stdout."""
    text_of: Callable[[T], str]
    """Writes the form."""


@dataclass(frozen=True)
class Outputs(Generic[T]):
    """All that were asked for. Raises InputError now, not after minutes of measuring, where one cannot be written."""

    wanted: tuple[Output[T], ...]

    def __post_init__(self) -> None:
        printed = [output.option for output in self.wanted if output.place == STDOUT]
        if len(printed) > 1:
            raise InputError(
                f"{printed[0]} and {printed[1]} would both be written to stdout; give one of them another FILE."
            )
        check_files(self._files, ())

    @classmethod
    def of(cls, *asked: tuple[str, str | None, Callable[[T], str]]) -> "Outputs[T]":
        """From (option, what the user gave for it or None, form)."""
        return cls(
            tuple(Output(option, place, text_of) for option, place, text_of in asked if place is not None)
        )

    def spare(self, inputs: Iterable[Path]) -> None:
        """Raise InputError where one would be written over one of the files that are read."""
        check_places(self._files, inputs)

    @property
    def _files(self) -> list[Written]:
        return [
            Written(Path(output.place), output.option) for output in self.wanted if output.place != STDOUT
        ]

    @property
    def take_stdout(self) -> bool:
        """Whether one goes there: the table for people then goes to stderr."""
        return any(output.place == STDOUT for output in self.wanted)

    def write(self, result: T) -> None:
        """Write all forms of `result`, each file whole or not at all; raises InputError where one is not taken."""
        for output in self.wanted:
            # Names of files may hold bytes that are no UTF-8; what stands for them is also valid JSON.
            content = output.text_of(result).encode(errors="backslashreplace")
            if output.place == STDOUT:
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
            else:
                _write(Path(output.place), content)


def json_text(data: dict[str, Any]) -> str:
    """One line of JSON; raises InputError where `data` holds NaN or infinity."""
    return json_file.json_text(data, "The result") + "\n"


def _write(path: Path, content: bytes) -> None:
    try:
        with replace_file(path) as staging:
            staging.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
