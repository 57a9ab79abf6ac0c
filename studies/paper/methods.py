"""Fig. 1 in numbers: what each method costs as more is removed, before any training after the cut."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from studies.paper.cells import Kind, Method
from studies.paper.names import curve_name
from studies.paper.scores import Estimate, Score, difference, estimate, pooled
from studies.paper.study_result import StudyResult
from trellis.errors import InputError

MEASURE = "has_answer_f1"
METHODS: tuple[Method, ...] = ("random", "gain", "l0")
PAIRS: tuple[tuple[Method, Method], ...] = (("l0", "gain"), ("gain", "random"))
"""The order that the paper found: (better, worse)."""


@dataclass(frozen=True)
class MethodPoint:
    """One method at one amount."""

    percent: int
    """Wanted."""
    removed: float
    """Percentage that was removed in fact, mean over the seeds."""
    seeds: tuple[int, ...]
    score: Estimate
    """Mean over the seeds."""
    by_seed: tuple[float, ...]


@dataclass(frozen=True)
class MethodDifference:
    """The better method's score less the worse one's at one amount, over the seeds that both have."""

    better: Method
    worse: Method
    percent: int
    seeds: tuple[int, ...]
    score: Estimate


@dataclass(frozen=True)
class MethodNumbers:
    """All of one kind of units."""

    kind: Kind
    measure: str
    questions: int
    uncut: Estimate
    curves: dict[Method, tuple[MethodPoint, ...]]
    """Methods in the order of METHODS, as far as there are cells."""
    differences: tuple[MethodDifference, ...]


Curves = Mapping[tuple[Method, int], Mapping[int, StudyResult]]
"""By method and wanted percentage, then by seed."""


def method_numbers(cells: Mapping[str, StudyResult]) -> tuple[MethodNumbers, ...]:
    """What the stored cells say of heads and of feed-forward activations, each where there are cells.

    Raises InputError where cells were not asked the same questions.
    """
    curves: dict[Kind, dict[tuple[Method, int], dict[int, StudyResult]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for name, cell in sorted(cells.items()):
        if about := curve_name(name):
            curves[about.kind][about.method, about.percent][about.seed] = cell
    return tuple(_of_kind(kind, curves[kind]) for kind in ("heads", "ffn") if kind in curves)


def _of_kind(kind: Kind, curves: Curves) -> MethodNumbers:
    some = next(iter(next(iter(curves.values())).values()))
    percents = sorted({percent for _, percent in curves})
    return MethodNumbers(
        kind,
        MEASURE,
        _score(some.before, some.name).num_questions,
        estimate(_score(some.before, some.name)),
        {
            method: points
            for method in METHODS
            if (
                points := tuple(_point(kind, p, curves[method, p]) for p in percents if (method, p) in curves)
            )
        },
        tuple(
            found
            for better, worse in PAIRS
            for percent in percents
            if (found := _difference(better, worse, percent, curves))
        ),
    )


def _point(kind: Kind, percent: int, by_seed: Mapping[int, StudyResult]) -> MethodPoint:
    scores = {seed: _score(cell.after, cell.name) for seed, cell in sorted(by_seed.items())}
    removed = [cell.removed[kind == "ffn"] for cell in by_seed.values()]
    return MethodPoint(
        percent,
        round(sum(removed) / len(removed), 4),
        tuple(scores),
        estimate(pooled(list(scores.values()))),
        tuple(round(score.value, 4) for score in scores.values()),
    )


def _difference(better: Method, worse: Method, percent: int, curves: Curves) -> MethodDifference | None:
    first, second = curves.get((better, percent), {}), curves.get((worse, percent), {})
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return None
    means = (
        pooled([_score(by_seed[seed].after, by_seed[seed].name) for seed in seeds])
        for by_seed in (first, second)
    )
    return MethodDifference(better, worse, percent, seeds, difference(*means))


def _score(scores: Mapping[str, Score], name: str) -> Score:
    if MEASURE not in scores:
        raise InputError(
            f"The stored cell {name} was asked no question that has an answer; name another --store."
        )
    return scores[MEASURE]
