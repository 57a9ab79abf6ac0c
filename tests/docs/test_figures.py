"""What README says a command prints, the command prints."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIGURE = re.compile(r"([−+]?[\d.]+)×? \(([−+]?[\d.]+) to ([−+]?[\d.]+)\)")


def figures() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """(command, its figures with their intervals) of each row of README's table that stored numbers are behind."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What it brings and costs")[2]
    command = ""
    for row in re.findall(r"^\| (?!\|)[^|]+\|([^|]+)\| (.+) \|$", section, re.MULTILINE):
        command = command if row[1] == "the same" else row[1].strip("`")
        if command.startswith("python -m studies"):
            yield command, FIGURE.findall(row[0])


ROWS = list(figures())


def test_rows_are_found() -> None:
    assert [len(found) for _, found in ROWS] == [1, 1, 2]


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """By command."""
    texts = {}
    for command in {command for command, _ in ROWS}:
        texts[command] = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "250"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout
    return texts


@pytest.mark.parametrize(("command", "found"), ROWS)
def test_the_figures_are_what_is_printed(
    printed: dict[str, str], command: str, found: list[tuple[str, str, str]]
) -> None:
    apart = r"[\s│|\[,to]+"
    gone = [figure for figure in found if not re.search(apart.join(map(re.escape, figure)), printed[command])]
    assert gone == []
