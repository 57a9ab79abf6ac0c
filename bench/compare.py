"""What changed between two results, read from their files; nothing is printed or measured here."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.change import Change, change_of
from bench.measure.statistics import Speedup, speedup
from bench.saved import Pair, Saved, SavedComparison, SavedPoint
from bench.workload import ROLES, Role

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


def compare(old: Saved, new: Saved) -> Changes:
    """What changed from `old` to `new`, at what both have: by models, how they are run, place."""
    before, after = _points(old), _points(new)
    differences = (
        *_differences(old.environment, new.environment),
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


def _point(known: Known, old: SavedPoint, new: SavedPoint, *, times: bool) -> PointChange:
    pair, where = known
    return PointChange(
        pair,
        where,
        speedup(old.log_ratios, old.pilot),
        speedup(new.log_ratios, new.pilot),
        change_of((old.log_ratios, old.pilot), (new.log_ratios, new.pilot)),
        {role: (old.p50[role], new.p50[role]) for role in ROLES} if times else None,
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


def _points(saved: Saved) -> dict[Known, SavedPoint]:
    return {(one.pair, point.where): point for one in saved.comparisons for point in one.points}


def _matched(old: Saved, new: Saved) -> list[tuple[SavedComparison, SavedComparison]]:
    after = {one.pair: one for one in new.comparisons}
    return [(one, after[one.pair]) for one in old.comparisons if one.pair in after]


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for what in dict.fromkeys((*old, *new)):
        if old.get(what) != new.get(what):
            yield Difference(what, old.get(what), new.get(what))


def _run_by(saved: Saved, part: str) -> dict[str, str]:
    """Under the name of `part`, all that the engines of `saved` had there."""
    models = (model for one in saved.comparisons for model in one.models.values())
    found = sorted({getattr(model, part) for model in models})
    return {part: ", ".join(map(str, found))}


def _model_changes(old: SavedComparison, new: SavedComparison) -> Iterator[ModelChange]:
    for role in ROLES:
        before, after = old.models[role], new.models[role]
        if before.sha256 != after.sha256:
            yield ModelChange(before.name, before.sha256, after.sha256)


def _accuracy_changes(old: SavedComparison, new: SavedComparison) -> Iterator[AccuracyChange]:
    before, after = old.accuracy, new.accuracy
    if before is None or after is None:
        return
    same = (before.task, before.questions) == (after.task, after.questions)
    for metric, values in before.metrics.items():
        if metric.endswith("as served") and before.thresholds != after.thresholds:
            continue  # by thresholds of another kind: figures of different things
        for role in ROLES:
            if role in values and role in after.metrics.get(metric, {}):
                yield AccuracyChange(old.pair, metric, role, values[role], after.metrics[metric][role], same)
