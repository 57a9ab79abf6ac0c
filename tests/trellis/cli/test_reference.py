"""The reference of all options: it is current, and says what the commands really take."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from support.commands import invoke
from typer.main import get_command

from trellis.cli.command import Command
from trellis.cli.reference import COMMANDS, options, parameters, reference

PAGE = Path(__file__).parents[3] / "docs" / "options.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "python -m trellis.cli.reference > docs/options.md"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_there_by_the_name_that_is_typed(name: str) -> None:
    module = import_module(COMMANDS[name])
    if isinstance(found := getattr(module, "COMMAND", None), Command):
        typed = [each.name for each in options(found) if each.name.startswith("--")]
        shown = invoke(found, ["--help"]).stdout
        assert typed == re.findall(r"^│ +(--[a-z0-9-]+)", shown, re.MULTILINE)[:-1]  # but for --help itself
        return
    (command,) = module.app.registered_commands
    said = [found.name for found in parameters(command.callback) if found.name.startswith("--")]
    taken = [
        parameter.opts[0]
        for parameter in get_command(module.app).params
        if parameter.param_type_name == "option"
    ]
    assert said == [option for option in taken if option != "--help"]


@pytest.mark.parametrize(
    ("section", "row"),
    [
        ("prune-export", r"| `--method` | gain\|l0\|random | `gain` |"),
        ("prune-export", "| `--json` | FILE | – |"),
        ("prune-export", "| `--work` | DIR | OUT.onnx.work |"),
        ("prune-export", r"| `--dev` | FILE\|ID, several times | – |"),
        ("bench", "| `--precision-goal` | SHARE | 2% |"),
        ("bench compare", "| `OLD.json` |  | required |"),
        ("answer", "| `--never-refuse` |  | off |"),
    ],
)
def test_a_row_says_name_value_and_default(section: str, row: str) -> None:
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", reference(), re.DOTALL | re.MULTILINE)
    assert f"\n{row}" in text
