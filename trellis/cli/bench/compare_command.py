"""The command `bench compare`: reads two results, says what changed, and answers with an exit code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.text import Text

from bench.changes.between import Changes, changes_between
from bench.result.result import read_result
from trellis.cli.bench.compare_report import print_changes
from trellis.cli.bench.outputs import Outputs, json_text
from trellis.cli.command import Command
from trellis.cli.options import Group
from trellis.errors import InputError, Parameter
from trellis.options import Share, Value
from trellis.terminal import Terminal

_NAME = "bench compare"

_HELP = (
    "Say what changed between two results that bench wrote with --json.",
    "Comparisons are matched by the names of both models, runtime, precisions, threads, clients, timing and operating "
    "point. The change of a speed-up, new / old, has a 95 % interval of its own, from how the launches of both results "
    "differ. Times are compared only where machine, software, device and inputs are the same.",
)

_EXIT_CODES = (
    "0 compared, and no limit missed; 1 a speed-up lost more than --max-regression; "
    "2 the files cannot be compared."
)


@dataclass(frozen=True)
class Results:
    """Arguments."""

    old: Annotated[str, Value("OLD.json")]
    """The result before."""
    new: Annotated[str, Value("NEW.json")]
    """The result after."""


@dataclass(frozen=True)
class Regression:
    """What must not be lost."""

    max_regression: Share | None = None
    """Exit with 1 where a speed-up is lower by more than this, like 2%, with its whole interval: what is undecided
    passes, and so does what only one file has."""

    def __post_init__(self) -> None:
        if self.max_regression is not None and not 0 <= self.max_regression < 1:
            raise InputError(
                "{} is {:g}; give a share from 0 to below 1, like 2%.",
                *(Parameter("max_regression"), self.max_regression),
            )


@dataclass(frozen=True)
class Form:
    """Where that goes, beside the tables."""

    json: Annotated[str | None, Value("FILE")] = None
    """Write everything as JSON to this file; - is standard output."""


def main(results: Results, regression: Regression, form: Form) -> int:
    """Say what changed; the exit code."""
    old, new, limit = results.old, results.new, regression.max_regression
    outputs = Outputs.of(("--json", form.json, json_text))
    outputs.spare([Path(old), Path(new)])
    before, after = read_result(Path(old)), read_result(Path(new))
    changes = changes_between(before, after, sources=(old, new))
    console = Terminal(stderr=outputs.take_stdout)
    print_changes(changes, console)
    if not changes.points:
        raise InputError(f"{old} and {new} have nothing in common to compare; see above what each has.")
    lost = _hold_against(changes, limit, console)
    outputs.write({"old": old, "new": new, **changes.to_dict(), "max_regression": limit, "met": not lost})
    return 1 if lost else 0


def _hold_against(changes: Changes, limit: float | None, console: Terminal) -> bool:
    """Whether a speed-up lost more than `limit`; prints the verdict."""
    if limit is None:
        return False
    lost = [point for point in changes.points if point.change.lost_more_than(limit)]
    for point in lost:
        how_much = f"{1 - point.change.estimate:.1%} (at least {1 - point.change.high:.1%})"
        line = f"--max-regression {limit:.1%}: MISSED, {how_much} lost: {point.pair.label}, {point.where}"
        console.print(Text(line, style="bold red"), highlight=False)
    if not lost:
        console.print(Text(f"--max-regression {limit:.1%}: met", style="green"), highlight=False)
    return bool(lost)


COMMAND = Command(
    _NAME,
    main,
    (Group(Results, positional=True), Group(Regression), Group(Form)),
    help=_HELP,
    exit_codes=_EXIT_CODES,
)
