"""Groups of options, read from dataclasses whose fields own name, type, default, help and checks.

Nothing in such a class knows of a command line. Its help are the docstrings under its fields, in which a name in
backticks is another option's; its title is the first sentence of its own docstring.
"""

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from docstring_parser import parse_from_object

from trellis.errors import InputError, Parameter
from trellis.options import Unset, Value

Read = Callable[[Parameter, str], Any]
"""From (what the option is called, the text that was typed); raises InputError."""

_METAVARS = {str: "TEXT", int: "N", float: "X", Path: "FILE"}
_FIRST_SENTENCE = re.compile(r"[^.]*")


@dataclass(frozen=True)
class Option:
    """One field of a group, as the command line has it."""

    field: str
    parameter: str
    """What errors call it."""
    called: str
    """What is typed, like --dev; of an argument, what help calls it."""
    kind: Any
    """Its type, without None and without marks."""
    is_list: bool
    metavar: str
    default: Any
    """MISSING where it must be given."""
    unset: str | None
    """What its default means, in words, where it does not say so itself."""
    help: str
    title: str
    """Of its group."""
    is_argument: bool
    read: Read | None
    """None where the text is one of `choices`, or there is none."""

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is MISSING

    @property
    def choices(self) -> tuple[str, ...]:
        """What it can be, where that is one of a few words."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def default_in_words(self) -> str | None:
        """For eyes; None where there is nothing to say."""
        if self.unset is not None:
            return self.unset
        if self.default is MISSING or self.default is None or self.default == () or self.kind is bool:
            return None
        values = self.default if isinstance(self.default, tuple) else (self.default,)
        return ",".join(f"{each:g}" if isinstance(each, float) else str(each) for each in values)


@dataclass(frozen=True)
class Group:
    """A dataclass whose fields are options of a command."""

    options: type
    name: str = ""
    """Before the names of its fields in errors, with a dot, where another group has some of the same names."""
    flags: Mapping[str, str] | None = None
    """What is typed for a field, where that is not its own name with two hyphens."""
    only: Sequence[str] | None = None
    """The fields that are options; None: all."""
    positional: bool = False
    """Whether the fields are arguments, told by their places."""

    def read(self) -> Iterator[Option]:
        """Its options, in the order of the fields."""
        title = _FIRST_SENTENCE.match(inspect.cleandoc(self.options.__doc__ or ""))
        texts = {each.args[1]: each.description or "" for each in parse_from_object(self.options).params}
        hints = get_type_hints(self.options, include_extras=True)
        for each in fields(self.options):
            if self.only is None or each.name in self.only:
                kind, marks = _unwrapped(hints[each.name])
                yield self._option(each, kind, marks, texts.get(each.name, ""), title[0] if title else "")

    def _option(self, each: "Field[Any]", kind: Any, marks: list[Any], text: str, title: str) -> Option:
        value = next((mark for mark in marks if isinstance(mark, Value)), None)
        is_list = get_origin(kind) is tuple and not (value and value.parse)
        if is_list:
            kind, more = _unwrapped(get_args(kind)[0])
            value = value or next((mark for mark in more if isinstance(mark, Value)), None)
        unset = next((mark.words for mark in marks if isinstance(mark, Unset)), None)
        metavar = value.name if value else "|".join(get_args(kind)) or _METAVARS.get(kind, "")
        flag = "--" + each.name.replace("_", "-")
        if self.positional:
            flag = metavar = value.name if value else each.name.upper()
        return Option(
            field=each.name,
            parameter=f"{self.name}.{each.name}" if self.name else each.name,
            called=(self.flags or {}).get(each.name, flag),
            kind=kind,
            is_list=is_list,
            metavar=metavar,
            default=each.default,
            unset=unset,
            help=" ".join(text.split()),
            title=title,
            is_argument=self.positional,
            read=value.parse if value and value.parse else _READ.get(kind),
        )


def _unwrapped(hint: Any) -> tuple[Any, list[Any]]:
    """(the type itself, the marks on it), whether or not it may be None."""
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        kind, more = _unwrapped(inner)
        return kind, marks + more
    if get_origin(hint) in (Union, types.UnionType):
        (kind,) = (each for each in get_args(hint) if each is not type(None))
        return _unwrapped(kind)
    return hint, []


def _whole(name: Parameter, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError("{} is {!r}; expected a whole number.", name, text) from None


def _number(name: Parameter, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError("{} is {!r}; expected a number.", name, text) from None


_READ: Mapping[Any, Read] = {
    int: _whole,
    float: _number,
    str: lambda _, text: text,
    Path: lambda _, text: Path(text),
}
