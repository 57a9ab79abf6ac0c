"""Fields of untrusted JSON, each checked before it is believed."""

import math
import re
from collections.abc import Iterator
from reprlib import repr as shortened
from typing import Any, TypeVar

from trellis.errors import InputError

Value = TypeVar("Value")

_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMES = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def field(entry: dict[str, Any], name: str, kind: type[Value], place: str) -> Value:
    """`entry[name]`; raises InputError, naming `place`, unless it is there and of just this type."""
    if name not in entry:
        raise InputError(f"{place} has no {name!r}, which Natural Questions has there.")
    return checked(entry[name], kind, f"{place}: {name!r}")


def checked(value: Any, kind: type[Value], what: str) -> Value:
    """`value`; raises InputError, calling it `what`, unless it is of just this type."""
    if type(value) is not kind:
        raise InputError(f"{what} is {shortened(value)}; expected {_NAMES[kind]}.")
    if isinstance(value, str):
        unicode_text(value, what)
    return value


def unicode_text(text: str, what: str) -> str:
    """`text`; raises InputError, calling it `what`, where it cannot be encoded."""
    if not text.isascii() and _SURROGATE.search(text):
        raise InputError(f"{what} holds half a surrogate pair, which is no Unicode text.")
    return text


def entries(entry: dict[str, Any], name: str, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The list of objects `entry[name]`, each with its place."""
    for index, one in enumerate(field(entry, name, list, place)):
        there = f"{place}: {name}[{index}]"
        yield there, checked(one, dict, there)


def score(entry: dict[str, Any], name: str, place: str) -> float:
    """The finite number `entry[name]`."""
    value = entry.get(name)
    if type(value) is int and abs(value) < 10**300:
        return float(value)
    if type(value) is not float or not math.isfinite(value):
        raise InputError(f"{place}: {name!r} is {shortened(value)}; expected a finite number.")
    return value


def example_id(entry: dict[str, Any], place: str) -> str:
    """`entry["example_id"]`, which some files give as a number and others as text."""
    value = entry.get("example_id")
    return str(value) if type(value) is int else field(entry, "example_id", str, place)
