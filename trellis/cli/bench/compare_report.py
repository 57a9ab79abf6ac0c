"""What changed between two results, as tables that a person reads."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.changes.between import AccuracyChange, Changes, Difference, Known, PointChange
from bench.measure.statistics import Speedup
from bench.workload import ROLES
from trellis.html.format import as_fast, interval, milliseconds, times


def print_changes(changes: Changes, console: Console) -> None:
    """Print what differs in how it was measured, then the changes, then what has no counterpart."""
    if changes.differences:
        console.print(_differences_table("The environments differ:", changes.differences))
        _say(
            console,
            "Times are not compared. Speed-ups are, being ratios of neighbours in time: they carry over better from "
            "one environment to another, yet not wholly.",
        )
    if changes.engines:
        console.print(_differences_table("Run differently:", changes.engines))
    for pair, points in groupby(changes.points, key=lambda point: point.pair):
        console.print()
        console.print(Text(pair.label), highlight=False)
        here = list(points)
        console.print(_speedup_table(here))
        for point in here:
            console.print(Text(_verdict(point), style="bold"), highlight=False)
        if changes.same_environment:
            console.print(_time_table(here))
    if changes.points and changes.same_environment:
        _say(
            console,
            "Median times are of two different occasions, not paired: a machine drifts, and that is in them.",
        )
    if changes.accuracy:
        console.print(_accuracy_table(changes.accuracy))
    if not all(change.same_questions for change in changes.accuracy):
        _say(console, "Not the same questions were asked: the accuracies do not compare.")
    for model in changes.models:
        old, new = (sha and sha[:12] for sha in (model.old_sha256, model.new_sha256))
        _say(
            console,
            f"{model.name} is another file now: sha256 {old or 'none (random weights)'} before, {new or 'none'} after.",
        )
    _print_lonely(console, "Only in OLD", changes.only_old)
    _print_lonely(console, "Only in NEW", changes.only_new)


def _say(console: Console, sentence: str) -> None:
    console.print(Text(f"Note: {sentence}", style="yellow"), highlight=False)


def _print_lonely(console: Console, title: str, known: Iterable[Known]) -> None:
    for pair, where in known:
        console.print(Text(f"{title}: {pair.label}, {where}", style="yellow"), highlight=False)


def _differences_table(title: str, differences: Iterable[Difference]) -> Table:
    table = _table(title, "what", "old", "new", left=3)
    for one in differences:
        table.add_row(*(Text(text or "absent") for text in (one.what, one.old, one.new)))
    return table


def _speedup_table(points: Sequence[PointChange]) -> Table:
    table = _table(None, "at", "speed-up, old", "speed-up, new", "new / old", left=1)
    for point in points:
        ratio = times(point.change.estimate)
        table.add_row(Text(point.where), _speedup(point.old), _speedup(point.new), ratio)
    return table


def _verdict(point: PointChange) -> str:
    change = point.change
    said = f"{as_fast(change.estimate, change.low, change.high, change.confidence)} as before, against the baseline"
    if change.verdict == "undecided":
        return f"{point.where}: no significant change of the speed-up: {said}"
    return f"{point.where}: {said}"


def _time_table(points: Sequence[PointChange]) -> Table:
    table = _table(None, "at", "model", "p50 ms, old", "p50 ms, new", "new / old", left=2)
    for point in points:
        for role in ROLES:
            old, new = (point.p50 or {})[role]
            where = Text(point.where if role == ROLES[0] else "")
            table.add_row(where, role, milliseconds(old), milliseconds(new), times(new / old))
    return table


def _accuracy_table(changes: Sequence[AccuracyChange]) -> Table:
    table = _table("Accuracy, in percent", "of", "metric", "model", "old", "new", "change", left=3)
    for one in changes:
        table.add_row(
            Text(one.pair.candidate),
            Text(one.metric),
            one.role,
            f"{one.old:.2f}",
            f"{one.new:.2f}",
            f"{one.new - one.old:+.2f}",
        )
    return table


def _table(title: str | None, *headings: str, left: int) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for index, heading in enumerate(headings):
        # what is longer than its cell goes on in the next line: names differ at their ends
        table.add_column(heading, justify="left" if index < left else "right", overflow="fold")
    return table


def _speedup(found: Speedup) -> str:
    return f"{times(found.estimate)} ({interval(found.low, found.high, found.estimate)})"
