"""The reference of all options: it is current, and says what the commands really take."""

import re
from pathlib import Path

import pytest
from support.commands import invoke

from trellis.cli.reference import COMMANDS, command_of, reference

PAGE = Path(__file__).parents[3] / "docs" / "options.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "python -m trellis.cli.reference > docs/options.md"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_there_by_the_name_that_is_typed(name: str) -> None:
    command = command_of(name)
    called = [option.called for group in command.options for option in group if not option.is_argument]
    shown = invoke(command, ["--help"]).stdout
    assert called == re.findall(r"^│ +(--[a-z0-9-]+)", shown, re.MULTILINE)[:-1]  # but for --help itself
    assert set(called) <= set(re.findall(r"(?<=^\| `)--[a-z0-9-]+", PAGE.read_text("utf-8"), re.MULTILINE))


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
