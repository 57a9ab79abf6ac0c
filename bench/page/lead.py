"""What is said first: the verdicts, and whether the limits were met."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.page.names import Compared
from page.blocks import Section, bullets, table, verdict
from page.markup import Markup, element, join

_NAMED = 3
"""Models that the title names."""


def title(compared: Sequence[Compared]) -> str:
    """What was measured."""
    names = list(dict.fromkeys(each.names["candidate"] for each in compared))
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"How fast: {', '.join(names[:_NAMED])}{rest}"


def lead(result: Mapping[str, Any], compared: Sequence[Compared]) -> list[Markup]:
    """One sentence for each comparison, the limits, and where and when."""
    place = result["environment"]
    where = " · ".join(
        part for part in (place["gpu"], place["cpu"], f"{place['cores']} cores", place["date"]) if part
    )
    gates = result["gates"]
    met = sum(gate["met"] for gate in gates)
    said = verdict(met == len(gates), f"{met} of {len(gates)} limits") if gates else None
    return [
        element("div", bullets([_sentence(each) for each in compared]), class_="lead"),
        element("p", said) if said else Markup(),
        element("p", where, class_="soft"),
    ]


def _sentence(compared: Compared) -> Markup:
    found = [point["speedup"] for point in compared.points]
    estimates = sorted(speedup["estimate"] for speedup in found)
    slowest, fastest = (f"{estimate:.2f}" for estimate in (estimates[0], estimates[-1]))
    low, high = min(each["low"] for each in found), max(each["high"] for each in found)
    how_much = slowest if slowest == fastest else f"{slowest} to {fastest}"
    interval = "95 % interval" if len(found) == 1 else "by operating point; all 95 % intervals within"
    said = f": {how_much} times as fast as {compared.names['baseline']} ({interval} {low:.2f} to {high:.2f})"
    undecided = sum(each["verdict"] == "undecided" for each in found)
    if undecided:
        said += "; no significant difference"
        said += f" at {undecided} of {len(found)}" if len(found) > 1 else ""
    return join([element("strong", compared.names["candidate"]), f"{said}."])


def limits_section(gates: Sequence[Mapping[str, Any]]) -> Section | None:
    """The limits that were set, and what was found; None where none was set."""
    if not gates:
        return None
    rows = [
        (
            f"--{gate['name']} {gate['limit']:g}",
            gate["where"],
            "✓ met" if gate["met"] else "✗ missed",
            f"{gate['found']:.2f}",
            "end of the interval" if gate["tested"] == "bound" else "estimate",
        )
        for gate in gates
    ]
    headings = ("limit", "of", "verdict", "found", "held against it")
    return Section(
        "limits", "Limits", table("Limits that were set, and what was found", headings, rows, names=2)
    )
