"""The reference of all options, as Markdown, made from the commands themselves.

python -m trellis.cli.reference > docs/options.md
"""

from importlib import import_module

from trellis.cli.command import Command
from trellis.cli.options import Option

COMMANDS = {
    "prune-export": "trellis.cli.prune_export.command",
    "bench": "trellis.cli.bench.command",
    "bench compare": "trellis.cli.bench.compare_command",
    "answer": "trellis.cli.answer.command",
}
"""What users call, and the module whose `COMMAND` it is."""

_HEAD = """# All options

Made by `python -m trellis.cli.reference > docs/options.md`; `--help` of each command says the same, with examples.
Where a default is a dash, nothing is set. A SHARE is a number such as 0.5, or 50%.
"""

_TABLE = "| option | value | default | |\n|---|---|---|---|\n"

_KINDS = {"TEXT": "text", "N": "whole number", "X": "number"}
"""What help calls values, in words."""


def reference() -> str:
    """The whole page."""
    return "\n".join((_HEAD, *(_section(name) for name in COMMANDS)))


def command_of(name: str) -> Command:
    """The command that users call so."""
    command = import_module(COMMANDS[name]).COMMAND
    assert isinstance(command, Command)
    return command


def _section(name: str) -> str:
    command = command_of(name)
    rows: dict[str, list[str]] = {}
    for group in command.options:
        for option in group:
            rows.setdefault(option.title, []).append(_row(command, option))
    tables = (f"**{title}**\n\n{_TABLE}{''.join(lines)}" for title, lines in rows.items())
    return "\n".join((f"## {name}\n", *tables))


def _row(command: Command, option: Option) -> str:
    cells = (option.called, _value(option), _default(option), command.help_of(option))
    name, *others = (cell.replace("|", r"\|") for cell in cells)
    return f"| `{name}` | {' | '.join(others)} |\n"


def _value(option: Option) -> str:
    if option.is_argument or option.kind is bool:
        return ""
    value = " ".join(f"`{choice}`" for choice in option.choices) or _KINDS.get(option.metavar, option.metavar)
    return value + (", several times" if option.is_list else "")


def _default(option: Option) -> str:
    if option.is_required:
        return "required"
    if option.kind is bool:
        return "on" if option.default else "off"
    words = option.default_in_words
    return "–" if words is None else words if option.unset else f"`{words}`"


if __name__ == "__main__":
    print(reference(), end="")
