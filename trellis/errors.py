"""The exceptions that mean: the user can mend this. Commands print them and exit with 2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PYTHONS_OWN: Mapping[str, str] = {}


@dataclass(frozen=True)
class Parameter:
    """A parameter that an error speaks of, perhaps with the value that it is to have: a command calls it otherwise."""

    name: str
    value: Any = None

    def told(self, flags: Mapping[str, str] = _PYTHONS_OWN) -> str:
        """As one writes it in Python or, where `flags` has its name, as it is typed."""
        if flag := flags.get(self.name):
            return flag if self.value is None else f"{flag} {_typed(self.value)}"
        return self.name if self.value is None else f"{self.name}={_written(self.value)}"

    def __str__(self) -> str:
        return self.told()


def _typed(value: Any) -> str:
    """As an option's value is typed, a list with commas."""
    if isinstance(value, tuple):
        return ",".join(map(_typed, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _written(value: Any) -> str:
    """As it stands in Python."""
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _part(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    value = data["value"]
    return Parameter(data["name"], tuple(value) if isinstance(value, list) else value)


class InputError(ValueError):
    """Says in one sentence or two what came, what was expected, and what to do.

    With `parts`, `sentence` is a template of `str.format` that they are put into in turn. Where one is a
    Parameter, whoever tells the error decides what it is called.
    """

    def __init__(self, sentence: str, *parts: object) -> None:
        self._sentence, self._parts = sentence, parts
        super().__init__(self.told())

    def told(self, flags: Mapping[str, str] = _PYTHONS_OWN) -> str:
        """The sentence, with parameters called as `flags` says, by name, and otherwise as in Python."""
        if not self._parts:
            return self._sentence
        return self._sentence.format(
            *(part.told(flags) if isinstance(part, Parameter) else part for part in self._parts)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for another process to tell."""
        parts = [
            {"name": part.name, "value": part.value} if isinstance(part, Parameter) else part
            for part in self._parts
        ]
        plain = [part if isinstance(part, dict | int | float) else str(part) for part in parts]
        return {"sentence": self._sentence, "parts": plain}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "InputError":
        """What another process had to tell."""
        return InputError(data["sentence"], *map(_part, data["parts"]))


class InstallationError(InputError):
    """What is wrong is not what was asked for but what is installed; see trellis.cli.doctor for what else may be."""


class UsageError(InputError):
    """What was typed is not what the command takes; its help says what is."""


def first_line(error: BaseException) -> str:
    """What a runtime says is wrong, without the trace that follows it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
