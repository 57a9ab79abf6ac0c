"""HTML and SVG as values: text is escaped, unless its type says that it is markup already."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"meta", "link", "br", "hr"})
_SHAPES = frozenset({"rect", "line", "path", "circle"})
"""SVG's elements without content."""


class Markup(str):
    """What is markup already; any other str is text."""

    __slots__ = ()


def element(name: str, /, *children: str | None, **attributes: str | float | None) -> Markup:
    """The element `name` with its children; None, child or attribute, is left out.

    Attributes' underscores become hyphens, and a last one goes (class_); numbers get two decimals at most.
    """
    written = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    if name in _SHAPES and not children:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[str | None]) -> Markup:
    """The parts, one after the other, text escaped."""
    return Markup(
        "".join(
            part if isinstance(part, Markup) else escape(part, quote=False)
            for part in parts
            if part is not None
        )
    )


def number(value: float) -> str:
    """A coordinate: two decimals at most, no exponent."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else number(value)
