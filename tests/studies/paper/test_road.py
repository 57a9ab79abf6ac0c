"""The commands of the documented paper road are those of the study whose figures it shows."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from studies.paper.cells import Recipe, cells

PAGE = Path(__file__).parents[3] / "docs" / "prune-export.md"
SHARES = {"--gate-share", "--prune-heads", "--prune-ffn", "--task-weight"}
OWN = {"--train", "--dev", "--teacher", "--save-model"}
"""Flags whose values are the user's own places."""


def options(arguments: Sequence[str]) -> dict[str, str]:
    """Flags and their values, shares in percent; the study's default task is not said."""
    found: dict[str, str] = {}
    flag = ""
    for argument in arguments:
        if argument.startswith("--"):
            flag = argument
            found[flag] = ""
        elif flag:
            found[flag] = argument
    for flag in SHARES & found.keys():
        value = found[flag]
        found[flag] = value if value.endswith("%") else f"{100 * float(value):g}%"
    found.pop("--task", None)
    return {flag: "" if flag in OWN else value for flag, value in found.items()}


def of_page() -> list[dict[str, str]]:
    section = PAGE.read_text(encoding="utf-8").partition("## The paper's road")[2]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert block
    lines = block[1].replace("\\\n", " ").splitlines()
    return [options(shlex.split(line)[3:]) for line in lines if line.startswith("prune-export")]


def of_study(*names: str) -> dict[str, str]:
    """What the cells say together: units are chosen in one and trained in another."""
    by_name = {cell.name: cell for cell in cells(Recipe())}
    merged: dict[str, str] = {}
    for name in names:
        merged |= options(by_name[name].arguments[1:])
    merged.pop("--plan", None)
    return merged


def test_the_teacher_is_the_unpruned_model_trained_as_long() -> None:
    teacher, _ = of_page()
    assert teacher == of_study("whole-retrain") | {"--save-model": ""}


def test_the_deeper_cut_is_chosen_and_distilled_as_in_the_study() -> None:
    _, cut = of_page()
    assert cut == of_study("l0-2-2", "l0-2-2-distill")


def test_the_milder_cut_is_named_too() -> None:
    amounts = {flag: share for flag, share in of_study("l0-1-1").items() if flag.startswith("--prune")}
    said = " ".join(f"{flag} {share}" for flag, share in amounts.items())
    assert f"`{said}`" in PAGE.read_text(encoding="utf-8")
