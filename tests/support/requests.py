"""Requests of prune-export from single wishes, each put into the group that has a field of its name."""

from dataclasses import fields
from typing import Any, get_type_hints

from prune.methods import DEFAULT, method_named
from trellis.cli.prune_export.request import Request


def request(model: str, out: object, **wishes: Any) -> Request:
    """A request of the wishes, where a whole group may be given as well."""
    kind = method_named(wishes.pop("method", DEFAULT))
    method = kind(**{each.name: wishes.pop(each.name) for each in fields(kind) if each.name in wishes})
    kinds = get_type_hints(Request)
    own = {each.name for each in fields(Request)}
    groups = {name: wishes.pop(name) for name in own & wishes.keys()}
    for wish, value in wishes.items():
        (home,) = (name for name in own if wish in getattr(kinds[name], "__dataclass_fields__", {}))
        groups.setdefault(home, {})[wish] = value
    made = {
        name: kinds[name](**value) if isinstance(value, dict) else value for name, value in groups.items()
    }
    return Request(model, out, method=method, **made)  # type: ignore[arg-type]
