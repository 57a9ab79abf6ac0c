"""The reference of all options, as Markdown, made from the commands themselves.

python -m trellis.cli.reference > docs/options.md
"""

import inspect
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from trellis.cli.command import Command
from trellis.cli.options import Option

COMMANDS = {
    "prune-export": "trellis.cli.prune_export.command",
    "bench": "trellis.cli.bench.command",
    "bench compare": "trellis.cli.bench.compare_command",
    "answer": "trellis.cli.answer.command",
}
"""What users call, and the module whose `COMMAND` or `app` it is."""

_HEAD = """# All options

Made by `python -m trellis.cli.reference > docs/options.md`; `--help` of each command says the same, with examples.
Where a default is a dash, nothing is set. A SHARE is a number such as 0.5, or 50%.
"""

_TABLE = "| option | value | default | |\n|---|---|---|---|\n"

_KINDS: dict[Any, str] = {str: "text", int: "whole number", float: "number", Path: "FILE"}
_KINDS |= {"TEXT": "text", "N": "whole number", "X": "number"}


class Parameter(NamedTuple):
    """One argument or option, as texts."""

    group: str
    name: str
    value: str
    default: str
    help: str


def reference() -> str:
    """The whole page."""
    return "\n".join((_HEAD, *(_section(name, module) for name, module in COMMANDS.items())))


def options(command: Command) -> Iterator[Parameter]:
    """What a command takes, in the order of its help."""
    for group in command.options:
        for each in group:
            yield Parameter(
                each.title, each.called, _shown_value(each), _shown_default(each), command.help_of(each)
            )


def parameters(command: Callable[..., None]) -> Iterator[Parameter]:
    """What a command takes, in the order of its signature."""
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind, info = get_args(hints[name])
        if not info.hidden:
            yield Parameter(
                group="Arguments" if isinstance(info, ArgumentInfo) else info.rich_help_panel or "Options",
                name=_called(name, info),
                value=_value(kind, info),
                default=_default(parameter.default, info),
                help=" ".join((info.help or "").split()),
            )


def _section(name: str, module: str) -> str:
    found = import_module(module)
    groups: dict[str, list[Parameter]] = {}
    for parameter in (
        options(found.COMMAND)
        if hasattr(found, "COMMAND")
        else parameters(found.app.registered_commands[0].callback)
    ):
        groups.setdefault(parameter.group, []).append(parameter)
    return "\n".join(
        (
            f"## {name}\n",
            *(f"**{group}**\n\n{_TABLE}{''.join(map(_row, rows))}" for group, rows in groups.items()),
        )
    )


def _shown_value(option: Option) -> str:
    if option.is_argument or option.kind is bool:
        return ""
    value = " ".join(f"`{choice}`" for choice in option.choices) or _KINDS.get(option.metavar, option.metavar)
    return value + (", several times" if option.is_list else "")


def _shown_default(option: Option) -> str:
    if option.is_required:
        return "required"
    if option.kind is bool:
        return "on" if option.default else "off"
    words = option.default_in_words
    return "–" if words is None else words if option.unset else f"`{words}`"


def _row(parameter: Parameter) -> str:
    name, value, default, text = (cell.replace("|", r"\|") for cell in parameter[1:])
    return f"| `{name}` | {value} | {default} | {text} |\n"


def _called(name: str, info: OptionInfo | ArgumentInfo) -> str:
    if isinstance(info, ArgumentInfo):
        return (info.metavar or name.upper()).strip("[]")
    given = (
        info.default,
        *(info.param_decls or ()),
    )  # inside Annotated, typer takes the first name for a default
    declared = [text for text in given if isinstance(text, str)]
    return ", ".join(declared) or "--" + name.replace("_", "-")


def _value(kind: Any, info: OptionInfo | ArgumentInfo) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    several = ", several times" if get_origin(kind) is list and isinstance(info, OptionInfo) else ""
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    if get_origin(kind) is Literal:
        return " ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is bool or isinstance(info, ArgumentInfo):
        return ""
    return (info.metavar or _KINDS[kind]) + several


def _default(default: Any, info: OptionInfo | ArgumentInfo) -> str:
    if isinstance(info.show_default, str):
        return info.show_default
    if default is inspect.Parameter.empty:
        return "required"
    if default is None:
        return "–"
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


if __name__ == "__main__":
    print(reference(), end="")
