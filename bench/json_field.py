"""Fields of a JSON file that may be damaged: each is checked before it is believed, and named where it is wrong."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any, TypeVar

from trellis.errors import InputError

T = TypeVar("T")

_MOST = 10**18
_SHORTEST, _LONGEST = 1e-9, 1e7
_LARGEST = 1e300


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

    def texts(self) -> list[str]:
        """The elements of this list, each a text."""
        return [one.text() for one in self.items()]

    def fields(self) -> dict[str, "Field"]:
        """All fields of this object, by name."""
        return {name: self[name] for name in self._of(dict, "an object")}

    def or_none(self, read: Callable[["Field"], T]) -> T | None:
        """What `read` makes of this field, and None of JSON's null."""
        return None if self.value is None else read(self)

    def made(self, make: Callable[[Any], T]) -> T:
        """What `make`, which checks by itself and raises InputError, makes of this value."""
        try:
            return make(self.value)
        except InputError as error:
            sentence = str(error).rstrip(".")
            raise InputError(f"{self.source} is damaged: {self._place}: {sentence}; measure again.") from None

    def text(self) -> str:
        """This text; what in it would steer a terminal is still there."""
        found: str = self._of(str, "text")
        return found

    def one_of(self, words: Sequence[T]) -> T:
        """This text, which must be one of `words`."""
        found = self.text()
        for word in words:
            if found == word:
                return word
        raise self.wrong(f"one of {', '.join(map(str, words))}")

    def flag(self) -> bool:
        """Whether this is true and not false."""
        found: bool = self._of(bool, "true or false")
        return found

    def whole(self, *, least: int, most: int = _MOST - 1) -> int:
        """This whole number, from `least` to `most`."""
        found: int = self._of(int, "a whole number")
        if not least <= found <= most:
            bound = f"less than {_MOST:.0e}" if most == _MOST - 1 else f"at most {most}"
            raise self.wrong(f"{least} or more, and {bound}")
        return found

    def number(self) -> float:
        """This finite number."""
        value = self.value
        if type(value) is int and abs(value) < _LARGEST:
            return float(value)
        if type(value) is not float or not math.isfinite(value):
            raise self.wrong("a finite number")
        return value

    def within(self, low: float, high: float) -> float:
        """This number, from `low` to `high`."""
        found = self.number()
        if not low <= found <= high:
            raise self.wrong(f"a number from {low:g} to {high:g}")
        return found

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
