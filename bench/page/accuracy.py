"""How well the models answer, and what the cut changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.page.names import Compared
from bench.spec import ROLES
from page.blocks import Section, beside, figure, grouped_table
from page.intervals import Estimate, intervals
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
                Estimate(metric["name"], change["points"], change["low"], change["high"], _reading(change))
                for metric in each.data["accuracy"]["metrics"]
                if (change := metric["change"])
            ],
        )
        for each in measured
    ]
    groups = [(title, rows) for title, rows in groups if rows]
    if not groups:
        return Markup()
    said = "; ".join(f"{title}, {row.label}: {row.reading}" for title, rows in groups for row in rows)
    picture = intervals(
        f"Changes of accuracy with their 95 % intervals, in points. {said}.",
        groups,
        reference=0.0,
        axis="points more than the baseline",
    )
    caption = (
        "Candidate less baseline on the same questions, and its 95 % interval, in points. Dotted line: no change. A "
        "filled mark: the interval leaves that out."
    )
    return figure(picture, caption)


def _row(compared: Compared, metric: Mapping[str, Any]) -> tuple[str, ...]:
    values, change = metric["values"], metric["change"]
    return (
        metric["name"],
        *(f"{values[role]:.2f}" if role in values else "" for role in ROLES),
        f"{change['points']:+.2f}" if change else "",
        f"{change['low']:+.2f} to {change['high']:+.2f}" if change else "",
        str(compared.data["accuracy"]["questions"]),
    )


def _reading(change: Mapping[str, float]) -> str:
    return f"{change['points']:+.2f} ({change['low']:+.2f} to {change['high']:+.2f})"
