"""What a reader of a result must know, in sentences; found once, when there is all of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.accuracy import Thresholds
from bench.measure.peak import IMPOSSIBLE
from bench.measure.statistics import outliers
from bench.result.comparison import Comparison
from bench.result.point import Point
from bench.result.result import Result
from bench.workload import MIN_BLOCKS, ROLES, Effort
from trellis.html.format import times

_ON_A_GPU = {
    "call": "Times are of whole calls: the copies to the GPU and back are in them (--timing device leaves them out).",
    "device": "Times are the GPU's own, by its events: inputs and logits stay in its memory, and neither copies nor "
    "the host's part are in them (--timing call has both).",
    "cuda-graph": "Times are the GPU's own, by its events, each call replayed as one CUDA graph: inputs and logits "
    "stay in its memory, and neither copies nor the host's part are in them (--timing call has both).",
}
"""What the times are of."""

_FLATTERED = (
    " At the best threshold: the one with the highest F1 on these very questions, so a little flattered."
)
_THRESHOLDS: dict[Thresholds, str] = {
    "own": f"As served: with the threshold for “no answer” of each model's decoding.json.{_FLATTERED}",
    "folds": "As served: with thresholds for “no answer” fitted to both models alike, on other articles than they "
    "judge. Those of their decoding.json do not compare: one was fitted and the other not, or on these very "
    f"questions.{_FLATTERED}",
}
_OUTLIERS = 3
"""At one operating point that are named."""


def with_notes(result: Result, shortened: Sequence[str] = ()) -> Result:
    """`result` with its notes and warnings; `shortened`: what the time allowed less of than is usual."""
    comparisons = [
        replace(
            one,
            points=[replace(point, warnings=tuple(_of_point(point, result.effort))) for point in one.points],
            warnings=tuple(_of_comparison(one, result.environment.cores)),
        )
        for one in result.comparisons
    ]
    warnings = (*result.disturbance.notes(), *shortened)
    result = replace(result, comparisons=comparisons, warnings=warnings)
    return replace(result, notes=tuple(dict.fromkeys(_notes(result))))


def oversubscribed(threads: int, cores: int) -> str:
    """What it means that there are more threads than cores."""
    shared = "core" if cores == 1 else "cores"
    return f"{threads} threads share {cores} {shared}; engines are usually fastest with --threads {cores}."


def _notes(result: Result) -> Iterator[str]:
    yield from result.environment.notes()
    yield from result.warnings
    for one in result.comparisons:
        yield from (_ON_A_GPU[model.timing] for model in one.models.values() if model.device != "cpu")
    yield from _on_widths(result)
    for one in result.comparisons:
        for point in one.points:
            yield from _on_point(one.models["candidate"].name, point)
        yield from one.warnings
        yield from _on_accuracy(one)


def _on_widths(result: Result) -> Iterator[str]:
    goal = result.effort.goal
    widths = [point.speedup.half_width for one in result.comparisons for point in one.points]
    wide = [width for width in widths if width > goal]
    if wide:
        yield (
            f"{len(wide)} of the intervals reach up to {max(wide):.1%} to either side, and {goal:.1%} was the goal: "
            "the time was up. Give more (--max-time), or a wider goal (--precision-goal)."
        )


def _on_point(name: str, point: Point) -> Iterator[str]:
    for launch, block, off in list(outliers(point.samples.log_ratios))[:_OUTLIERS]:
        yield (
            f"{name}, {point.where}: block {block + 1} of launch {launch + 1} is an outlier, its ratio {times(off)} "
            "the median of its launch, which alone counts."
        )
    yield from (f"{name}, {point.where}: {each}" for each in point.warnings)


def _on_accuracy(comparison: Comparison) -> Iterator[str]:
    baseline, accuracy = comparison.models["baseline"], comparison.accuracy
    if not accuracy:
        return
    yield _THRESHOLDS[accuracy.thresholds]
    if baseline.weights == "random":
        yield (
            f"The {baseline.name} has random weights: its times are true, an F1 it has not. "
            "For the F1 lost, name the model that was pruned: --baseline MODEL."
        )
    for role in accuracy.without_settings:
        yield (
            f"No decoding.json lies beside {comparison.models[role].name}: its answers were decoded with "
            "the default settings."
        )


def _of_point(point: Point, effort: Effort) -> Iterator[str]:
    """What makes its speed-up worth less than it looks."""
    launches, blocks = point.speedup.launches, min(len(one.blocks) for one in point.samples.launches)
    if effort.firm and (launches < effort.launches or blocks < MIN_BLOCKS):
        yield (
            f"--max-time {effort.seconds:g} allowed {launches} launches of {blocks} "
            f"{'block' if blocks == 1 else 'blocks'}, where {effort.launches} of {MIN_BLOCKS} or more are usual: "
            "the interval is the wider for it."
        )
    for role in ROLES:
        share = point.of_peak[role]
        if share and share > IMPOSSIBLE:
            yield (
                f"the {role} seems to multiply {times(share)} as fast as this machine's "
                "fastest matrix product, which cannot be: an error of measurement."
            )


def _of_comparison(comparison: Comparison, cores: int) -> Iterator[str]:
    """What its figures must not be read without, on a machine of so many cores."""
    candidate, baseline = comparison.models["candidate"], comparison.models["baseline"]
    if comparison.accuracy:
        yield from comparison.accuracy.warnings
    if candidate.threads > cores:
        yield oversubscribed(candidate.threads, cores)
    if candidate.shape == baseline.shape and not comparison.of_itself:
        yield f"{candidate.name} and {baseline.name} have the same shape: nothing was removed."
    if candidate.dialect != baseline.dialect:
        yield (
            f"The two graphs are in different dialects (candidate {candidate.dialect}, baseline "
            f"{baseline.dialect}): the speed-up is not the cut's alone."
        )
