"""How the figures came about: the command, the machine, the software, and what a reader must know."""

from collections.abc import Sequence

from bench.measure.environment import Disturbance
from bench.result.result import Result
from trellis.html.blocks import Section, bullets, command, facts, table
from trellis.html.format import digits
from trellis.html.markup import element, join


def notes_section(notes: Sequence[str]) -> Section | None:
    """What a reader of the figures must know; None where that is nothing."""
    return Section("notes", "Notes", bullets(notes)) if notes else None


def place_section(result: Result) -> Section:
    """Command, settings, machine, software."""
    place, effort, disturbance = result.environment, result.effort, result.disturbance
    others, load = disturbance.others_share, place.load_average
    machine = facts(
        (
            ("Start", place.date),
            ("GPU", place.gpu),
            ("Processor", place.cpu),
            ("Cores", f"{place.cores} ({place.processors} processors)"),
            ("Instructions", ", ".join(place.cpu_flags)),
            ("Governor", place.governor),
            ("Memory", f"{digits(place.memory_bytes / 2**30)} GiB"),
            ("Load before the start", None if load is None else f"{load:.2f}"),
            ("Taken by other processes meanwhile", None if others is None else f"{others:.1%}"),
            ("Taken by the host meanwhile", f"{disturbance.stolen_share:.1%}"),
            ("Throttled meanwhile", _throttled(disturbance)),
            ("System", place.system),
            ("Python", place.python),
        )
    )
    measured = facts(
        (
            ("Inputs", result.inputs),
            ("Launches before the rest was planned", str(effort.launches)),
            ("Most blocks in a launch", str(effort.blocks)),
            ("Goal for the interval", f"{effort.goal:.1%} to either side"),
            (
                "Limit of time" if effort.firm else "Time aimed at",
                f"{digits(effort.seconds)} s at each operating point",
            ),
        )
    )
    return Section(
        "place",
        "How this was measured",
        join(
            [
                command(result.command),
                measured,
                element("h3", "Where"),
                machine,
                table("Software", ("package", "version"), sorted(place.packages.items())),
            ]
        ),
    )


def _throttled(disturbance: Disturbance) -> str:
    seconds = disturbance.throttled_seconds
    return f"{disturbance.throttled_periods} times" + (f", {digits(seconds)} s" if seconds else "")
