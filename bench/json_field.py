"""Fields of a JSON file that may be damaged: each is checked before it is believed, and named where it is wrong."""

import math
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any

from trellis.errors import InputError
from trellis.printable import spelled_out

_MOST = 10**18
_SHORTEST, _LONGEST = 1e-9, 1e7


@dataclass(frozen=True)
class Field:
    """A value in a JSON file. Every method raises InputError, naming file and place, where it is not as wanted."""

    value: Any
    source: str
    """The file, as the user named it."""
    place: str = ""
    """Where in it, like comparisons[0].points[1]; empty: all of it."""

    def __getitem__(self, name: str) -> "Field":
        """The field of that name in this object."""
        fields = self._of(dict, "an object")
        if name not in fields:
            raise InputError(f"{self.source} is damaged: {self._place} has no {name!r}; measure again.")
        return Field(fields[name], self.source, f"{self.place}.{name}".lstrip("."))

    def items(self, *, least: int = 0) -> list["Field"]:
        """The elements of this list, of which there must be `least`."""
        elements = self._of(list, "a list")
        if len(elements) < least:
            raise self.wrong(f"a list of {least} or more")
        return [Field(one, self.source, f"{self.place}[{index}]") for index, one in enumerate(elements)]

    def fields(self) -> dict[str, "Field"]:
        """All fields of this object, by name, which is spelled out like `text`."""
        return {spelled_out(name): self[name] for name in self._of(dict, "an object")}

    @property
    def is_null(self) -> bool:
        """Whether it is JSON's null."""
        return self.value is None

    def text(self) -> str:
        """This text, with what steers a terminal, or cannot be printed, spelled out."""
        return spelled_out(self._of(str, "text"))

    def whole(self, *, least: int) -> int:
        """This whole number, not under `least`."""
        found: int = self._of(int, "a whole number")
        if not least <= found < _MOST:
            raise self.wrong(f"{least} or more, and less than {_MOST:.0e}")
        return found

    def number(self) -> float:
        """This finite number."""
        value = self.value
        if type(value) is int and abs(value) < 10**300:
            return float(value)
        if type(value) is not float or not math.isfinite(value):
            raise self.wrong("a finite number")
        return value

    def seconds(self) -> float:
        """This time in seconds, of a length that can be measured."""
        found = self.number()
        if not _SHORTEST <= found <= _LONGEST:
            raise self.wrong(f"a time from {_SHORTEST:g} to {_LONGEST:g} seconds")
        return found

    def wrong(self, expected: str) -> InputError:
        """The error that says that something else was expected here."""
        found = shortened(self.value)
        return InputError(
            f"{self.source} is damaged: {self._place} is {found}, expected {expected}; measure again."
        )

    @property
    def _place(self) -> str:
        return self.place or "the file's content"

    def _of(self, kind: type, named: str) -> Any:
        if type(self.value) is not kind:  # a bool is no int here
            raise self.wrong(named)
        return self.value
