"""What changed between two results; nothing is read, printed or measured here."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.changes.interval import Change, change_of
from bench.changes.pair import Pair, pair_of
from bench.measure.statistics import Speedup, speedup
from bench.result.comparison import Comparison
from bench.result.model import MeasuredModel
from bench.result.point import Point
from bench.result.result import Result
from bench.workload import ROLES, Role
from trellis.errors import InputError
from trellis.printable import spelled_out

FORMAT = 1
"""Of the JSON."""

Known = tuple[Pair, str]
"""What an operating point is known by: its comparison, and where in it."""


@dataclass(frozen=True)
class PointChange:
    """An operating point that both results have."""

    pair: Pair
    where: str
    old: Speedup
    new: Speedup
    change: Change
    p50: dict[Role, tuple[float, float]] | None
    """Seconds, old and new, unpaired; None where the environments differ."""


@dataclass(frozen=True)
class Difference:
    """Something of the environment, or how the engines were run, that is not the same; None: absent there."""

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ModelChange:
    """A model of the same name that is another file now; None: random weights."""

    name: str
    old_sha256: str | None
    new_sha256: str | None


@dataclass(frozen=True)
class AccuracyChange:
    """One figure of one model, in percent."""

    pair: Pair
    metric: str
    role: Role
    old: float
    new: float
    same_questions: bool
    """Whether task and number of questions agree; else the figures are of different things."""


@dataclass(frozen=True)
class Changes:
    """All that changed."""

    differences: tuple[Difference, ...]
    """Of what must agree for times to be comparable."""
    engines: tuple[Difference, ...]
    """Of how engines are run: where that differs nothing is matched, so it spoils no comparison."""
    points: tuple[PointChange, ...]
    only_old: tuple[Known, ...]
    only_new: tuple[Known, ...]
    models: tuple[ModelChange, ...]
    accuracy: tuple[AccuracyChange, ...]

    @property
    def same_environment(self) -> bool:
        """Whether times may be compared."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; times in seconds."""
        return {
            "format": FORMAT,
            "same_environment": self.same_environment,
            "differences": [asdict(one) for one in self.differences],
            "engines": [asdict(one) for one in self.engines],
            "points": [_point_to_dict(point) for point in self.points],
            "only_old": [{**asdict(pair), "where": where} for pair, where in self.only_old],
            "only_new": [{**asdict(pair), "where": where} for pair, where in self.only_new],
            "models": [asdict(one) for one in self.models],
            "accuracy": [asdict(one) for one in self.accuracy],
        }


def changes_between(
    old: Result, new: Result, *, sources: tuple[str, str] = ("The old result", "The new result")
) -> Changes:
    """What changed from `old` to `new`, at what both have: by models, how they are run, place.

    Raises InputError, calling the results by their `sources`, where one of them holds a point twice.
    """
    before, after = _points(old, sources[0]), _points(new, sources[1])
    differences = (
        *_differences(_surroundings(old), _surroundings(new)),
        *_differences(_run_by(old, "device"), _run_by(new, "device")),
    )
    both = _matched(old, new)
    return Changes(
        differences=differences,
        engines=tuple(
            one
            for part in ("runtime", "threads", "clients", "timing")
            for one in _differences(_run_by(old, part), _run_by(new, part))
        ),
        points=tuple(
            _point(known, before[known], after[known], times=not differences)
            for known in before
            if known in after
        ),
        only_old=tuple(known for known in before if known not in after),
        only_new=tuple(known for known in after if known not in before),
        models=tuple(dict.fromkeys(change for pair in both for change in _model_changes(*pair))),
        accuracy=tuple(change for pair in both for change in _accuracy_changes(*pair)),
    )


def _point(known: Known, old: Point, new: Point, *, times: bool) -> PointChange:
    pair, where = known
    samples = (old.samples, new.samples)
    before, after = (speedup(each.log_ratios, each.pilot) for each in samples)
    return PointChange(
        pair,
        where,
        before,
        after,
        change_of(*((each.log_ratios, each.pilot) for each in samples)),
        {role: (old.latencies[role].p50, new.latencies[role].p50) for role in ROLES} if times else None,
    )


def _point_to_dict(point: PointChange) -> dict[str, Any]:
    return {
        **asdict(point.pair),
        "where": point.where,
        "old": point.old.to_dict(),
        "new": point.new.to_dict(),
        "change": {**asdict(point.change), "verdict": point.change.verdict},
        "p50": point.p50 and {role: {"old": p50[0], "new": p50[1]} for role, p50 in point.p50.items()},
    }


def _points(result: Result, source: str) -> dict[Known, Point]:
    found: dict[Known, Point] = {}
    for one in result.comparisons:
        pair = pair_of(one)
        for point in one.points:
            where = spelled_out(point.where)
            if (pair, where) in found:
                raise InputError(
                    f"{source} holds {pair.label} at {where} more than once, so it cannot be told which of them to "
                    "compare; measure each model once."
                )
            found[pair, where] = point
    return found


def _matched(old: Result, new: Result) -> list[tuple[Comparison, Comparison]]:
    after = {pair_of(one): one for one in new.comparisons}
    return [(one, after[pair]) for one in old.comparisons if (pair := pair_of(one)) in after]


def _surroundings(result: Result) -> dict[str, str]:
    """All that must agree for times to be comparable, by name."""
    place = result.environment
    found = {
        "cpu": place.cpu,
        "cores": str(place.cores),
        "processors": str(place.processors),
        "cpu flags": " ".join(place.cpu_flags),
        # Kernels of one machine differ by some megabytes in what they keep for themselves.
        "memory": f"{place.memory_bytes / 2**30:.0f} GiB",
        "system": place.system,
        "python": place.python,
        "gpu": place.gpu or "none",
        "governor": place.governor or "unknown",
        **place.packages,
        "inputs": result.inputs,
    }
    return {spelled_out(what): spelled_out(value) for what, value in found.items()}


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for what in dict.fromkeys((*old, *new)):
        if old.get(what) != new.get(what):
            yield Difference(what, old.get(what), new.get(what))


def _run_by(result: Result, part: str) -> dict[str, str]:
    """Under the name of `part`, all that the engines of `result` had there."""
    models = (model for one in result.comparisons for model in one.models.values())
    found = sorted({getattr(model, part) for model in models})
    return {part: spelled_out(", ".join(map(str, found)))}


def _model_changes(old: Comparison, new: Comparison) -> Iterator[ModelChange]:
    for role in ROLES:
        before, after = old.models[role], new.models[role]
        if before.sha256 != after.sha256:
            yield ModelChange(spelled_out(before.name), _digest(before), _digest(after))


def _digest(model: MeasuredModel) -> str | None:
    return None if model.sha256 is None else spelled_out(model.sha256)


def _accuracy_changes(old: Comparison, new: Comparison) -> Iterator[AccuracyChange]:
    before, after = old.accuracy, new.accuracy
    if before is None or after is None:
        return
    same = (before.task, before.questions) == (after.task, after.questions)
    earlier, later = ({one.name: one.values for one in each.metrics} for each in (before, after))
    for name, was in earlier.items():
        if name.endswith("as served") and before.thresholds != after.thresholds:
            continue  # by thresholds of another kind: figures of different things
        now = later.get(name, {})
        for role in ROLES:
            if role in was and role in now:
                yield AccuracyChange(pair_of(old), spelled_out(name), role, was[role], now[role], same)
