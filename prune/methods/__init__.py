"""The methods of choosing what goes: one file or folder for each, and one line here.

A new one says in its file what `Method` asks for; gain/ is the one to copy where units get scores.
tests/prune/methods/test_contract.py holds whatever is registered to the same.
"""

from collections.abc import Iterable

from prune.methods.gain.method import Gain
from prune.methods.l0.method import L0
from prune.methods.method import Method
from prune.methods.random import Random
from trellis.errors import InputError, Parameter

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Gain,
        L0,
        Random,
    )
}

DEFAULT = Gain.name
"""The method that is taken where none is named."""


def method_named(name: object) -> type[Method]:
    """The method of that name; raises InputError naming it and those that there are."""
    if not isinstance(name, str) or name not in METHODS:
        raise InputError("{} is {!r}; there are {}.", Parameter("method"), name, ", ".join(METHODS))
    return METHODS[name]


def chosen(name: str, given: Iterable[Method]) -> Method:
    """The method of that name among `given`, or one with the defaults where it is not among them.

    Raises InputError where an option of another was given that makes no sense without it.
    """
    kind = method_named(name)
    others = {type(method): method for method in given}
    method = others.pop(kind, None) or kind()
    for other in others.values():
        for option in other.binding:
            if getattr(other, option) != getattr(type(other), option):
                raise InputError(
                    "{} is about {}, which {} has none of; add {}.",
                    *(Parameter(option), other.about, name, Parameter("method", other.name)),
                )
    return method
