"""How well the models answer, and what the cut changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.page.names import Compared
from bench.spec import ROLES
from page.blocks import Section, beside, grouped_table
from page.changes import change_of, changes_figure
from page.markup import Markup, element

_HEADINGS = ("measure", "baseline", "candidate", "change", "95 % interval", "questions")


def accuracy_section(compared: Sequence[Compared]) -> Section:
    """Every measure of both models, and the changes with their intervals; or that nothing was measured."""
    measured = [each for each in compared if each.data["accuracy"] and not each.of_itself]
    if not measured:
        words = "Accuracy was not measured; bench measures it where it is given questions: --dev FILE."
        return Section("accuracy", "Accuracy", element("p", words))
    rows = [
        (each.title, [_row(each, metric) for metric in each.data["accuracy"]["metrics"]]) for each in measured
    ]
    found = grouped_table("Measures in percent, changes in points", _HEADINGS, rows)
    return Section("accuracy", "Accuracy", beside(_changes(measured), found))


def _changes(measured: Sequence[Compared]) -> Markup:
    groups = [
        (
            each.title,
            [
                change_of(metric["name"], **change)
                for metric in each.data["accuracy"]["metrics"]
                if (change := metric["change"])
            ],
        )
        for each in measured
    ]
    return changes_figure(groups, axis="points more than the baseline", difference="Candidate less baseline")


def _row(compared: Compared, metric: Mapping[str, Any]) -> tuple[str, ...]:
    values, change = metric["values"], metric["change"]
    return (
        metric["name"],
        *(f"{values[role]:.2f}" if role in values else "" for role in ROLES),
        f"{change['points']:+.2f}" if change else "",
        f"{change['low']:+.2f} to {change['high']:+.2f}" if change else "",
        str(compared.data["accuracy"]["questions"]),
    )
