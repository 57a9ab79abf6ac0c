"""What is said first: the verdicts, and whether the limits were met."""

from collections.abc import Sequence

from bench.measure.statistics import Speedup
from bench.result.limits import Limit
from bench.result.result import Result
from trellis.cli.bench.page.accuracy import (
    accuracy_cells,
    accuracy_headings,
    accuracy_sentence,
    questions_asked,
)
from trellis.cli.bench.page.names import Compared, baseline_of
from trellis.html.blocks import Section, bullets, table, verdict, warnings
from trellis.html.format import interval, times
from trellis.html.markup import Markup, element, join

_NAMED = 3
"""Models that the title names."""


def title(compared: Sequence[Compared]) -> str:
    """What was measured."""
    names = list(dict.fromkeys(each.names["candidate"] for each in compared))
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"How fast: {', '.join(names[:_NAMED])}{rest}"


def lead(result: Result, compared: Sequence[Compared]) -> list[Markup]:
    """One sentence for each comparison, the limits, and where and when."""
    place, limits = result.environment, result.limits
    where = " · ".join(part for part in (place.gpu, place.cpu, f"{place.cores} cores", place.date) if part)
    told = [warning for each in compared for warning in (*each.warnings_of_accuracy, *each.warnings_of_speed)]
    met = sum(limit.met for limit in limits)
    said = verdict(met == len(limits), f"{met} of {len(limits)} limits") if limits else None
    return [
        element("div", _head(compared), warnings(told), class_="lead"),
        element("p", said) if said else Markup(),
        element("p", where, class_="soft"),
    ]


def _head(compared: Sequence[Compared]) -> Markup:
    """Speed and accuracy side by side: a sentence for one comparison, a table for several."""
    if len(compared) == 1:
        return bullets([_sentence(compared[0])])
    baselines = {each.names["baseline"] for each in compared}
    headings = (
        "model",
        f"as fast as {baseline_of(compared)}",
        "95 % intervals within",
        *accuracy_headings(compared),
    )
    rows = [(_named(each, len(baselines)), *_speeds(each), *accuracy_cells(each.found)) for each in compared]
    caption = f"How fast and how well, over all operating points{questions_asked(compared)}"
    return table(caption, headings, rows)


def _named(compared: Compared, baselines: int) -> str:
    return compared.names["candidate"] if baselines == 1 else compared.title


def _speeds(compared: Compared) -> tuple[str, str]:
    """The least and the most, and from where to where all intervals reach."""
    found = _ascending(compared)
    said = list(dict.fromkeys(times(one.estimate) for one in (found[0], found[-1])))
    low, high = min(one.low for one in found), max(one.high for one in found)
    return " to ".join(said), interval(low, high, found[0].estimate)


def _ascending(compared: Compared) -> list[Speedup]:
    return sorted((point.speedup for point in compared.points), key=lambda one: one.estimate)


def _sentence(compared: Compared) -> Markup:
    found = _ascending(compared)
    baseline = compared.names["baseline"]
    if len(found) == 1:
        (one,) = found
        said = f"{times(one.estimate)} as fast as {baseline} (95 % interval {_reach(one)})"
    else:
        said = (
            f"{times(found[0].estimate)} to {times(found[-1].estimate)} as fast as {baseline}, by operating "
            f"point (95 % intervals {_reach(found[0])} and {_reach(found[-1])})"
        )
    undecided = sum(each.verdict == "undecided" for each in found)
    if undecided:
        said += "; no significant difference"
        said += f" at {undecided} of {len(found)}" if len(found) > 1 else ""
    return join(
        [element("strong", compared.names["candidate"]), f": {said}. ", accuracy_sentence(compared.found)]
    )


def _reach(speedup: Speedup) -> str:
    return interval(speedup.low, speedup.high, speedup.estimate)


def limits_section(limits: Sequence[Limit]) -> Section | None:
    """The limits that were set, and what was found; None where none was set."""
    if not limits:
        return None
    rows = [
        (
            f"--{one.name} {one.limit:g}",
            one.where,
            "✓ met" if one.met else "✗ missed",
            one.found_in_words,
            "end of the interval" if one.tested == "bound" else "estimate",
        )
        for one in limits
    ]
    headings = ("limit", "of", "verdict", "found", "held against it")
    return Section(
        "limits", "Limits", table("Limits that were set, and what was found", headings, rows, names=2)
    )
