"""What was found: raw samples, what follows from them, and where it was measured. The JSON is versioned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from bench.accuracy import Accuracy, Thresholds
from bench.measure.environment import Disturbance, Environment
from bench.measure.inputs import DESCRIPTION
from bench.measure.peak import IMPOSSIBLE
from bench.measure.statistics import Latency, Speedup, latency, outliers, speedup
from bench.measure.turns import Samples
from bench.models import Model
from bench.workload import MIN_BLOCKS, ROLES, Effort, Load, Role, Timing, where_of
from prune.cost import multiply_adds, parameters
from trellis.html.format import times

FORMAT = 4
"""Since 4 accuracy as served comes first, and says by which thresholds; see `bench.saved` for how 3 is read."""

_ON_A_GPU: dict[Timing, str] = {
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

Tested = Literal["estimate", "bound"]
"""What of a figure a limit is held against: itself, or the end of its interval that is worse for us."""


@dataclass(frozen=True)
class Point:
    """One operating point of a comparison."""

    loads: dict[Role, Load]
    samples: Samples
    latencies: dict[Role, Latency]
    speedup: Speedup
    multiply_adds: dict[Role, int]
    """Of one timed unit."""
    peaks: dict[Role, float | None]
    """Multiply-adds per second of this machine's fastest matrix product in the model's precision."""

    @property
    def where(self) -> str:
        """The operating point, in words."""
        return where_of(self.loads)

    @property
    def multiply_add_ratio(self) -> float:
        """How many times fewer multiply-adds the candidate needs."""
        return self.multiply_adds["baseline"] / self.multiply_adds["candidate"]

    def of_peak(self, role: Role) -> float | None:
        """Which share of the machine's fastest matrix product the model reaches; None where none is known."""
        peak = self.peaks[role]
        return peak and self.multiply_adds[role] / self.latencies[role].p50 / peak

    def start(self, role: Role) -> dict[str, float | None]:
        """What starting it costs: medians over launches of the times, the most memory of any."""
        starts = [launch.starts[role] for launch in self.samples.launches]
        return {
            "load_seconds": median(start.load_seconds for start in starts),
            "first_call_seconds": median(start.first_call_seconds for start in starts),
            "peak_bytes": _most(start.peak_bytes for start in starts),
            "device_bytes": _most(start.device_bytes for start in starts),
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; all times in seconds."""
        return {
            "where": self.where,
            **{
                str(role): {
                    "load": self.loads[role].to_dict(),
                    **self.latencies[role].to_dict(),
                    **self.start(role),
                    "multiply_adds": self.multiply_adds[role],
                    "of_peak": self.of_peak(role),
                }
                for role in ROLES
            },
            "speedup": self.speedup.to_dict(),
            "multiply_add_ratio": self.multiply_add_ratio,
            "pilot": self.samples.pilot,
            "launches": [launch.to_dict() for launch in self.samples.launches],
        }

    def notes(self, name: str, effort: Effort) -> list[str]:
        """What a reader must know of these samples, warnings included."""
        notes = []
        for launch, block, off in list(outliers(self.samples.log_ratios))[:3]:
            notes.append(
                f"{name}, {self.where}: block {block + 1} of launch {launch + 1} is an outlier, its ratio {times(off)} "
                "the median of its launch, which alone counts."
            )
        return [*notes, *(f"{name}, {self.where}: {each}" for each in self.warnings(effort))]

    def warnings(self, effort: Effort) -> list[str]:
        """What makes its speed-up worth less than it looks, or nothing."""
        warnings = []
        blocks = min(len(launch.blocks) for launch in self.samples.launches)
        if effort.firm and (self.speedup.launches < effort.launches or blocks < MIN_BLOCKS):
            warnings.append(
                f"--max-time {effort.max_time:g} allowed {self.speedup.launches} launches of {blocks} "
                f"{'block' if blocks == 1 else 'blocks'}, where {effort.launches} of {MIN_BLOCKS} or more are usual: "
                "the interval is the wider for it."
            )
        for role in ROLES:
            share = self.of_peak(role)
            if share and share > IMPOSSIBLE:
                warnings.append(
                    f"the {role} seems to multiply {times(share)} as fast as this machine's "
                    "fastest matrix product, which cannot be: an error of measurement."
                )
        return warnings


@dataclass(frozen=True)
class Comparison:
    """A candidate against a baseline, at every operating point."""

    models: dict[Role, Model]
    points: list[Point]
    accuracy: Accuracy | None

    @property
    def of_itself(self) -> bool:
        """Whether a model is compared with itself, given its work in another arrangement."""
        return self.models["candidate"] is self.models["baseline"]

    def warnings(self, cores: int) -> list[str]:
        """What its figures must not be read without, on a machine of so many cores."""
        candidate, baseline = self.models["candidate"], self.models["baseline"]
        warnings = [*self.accuracy.warnings] if self.accuracy else []
        if candidate.engine.threads > cores:
            warnings.append(oversubscribed(candidate.engine.threads, cores))
        if candidate.engine.shape == baseline.engine.shape and not self.of_itself:
            warnings.append(f"{candidate.name} and {baseline.name} have the same shape: nothing was removed.")
        if candidate.dialect != baseline.dialect:
            warnings.append(
                f"The two graphs are in different dialects (candidate {candidate.dialect}, baseline "
                f"{baseline.dialect}): the speed-up is not the cut's alone."
            )
        return warnings

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        models: dict[str, Any] = {}
        for role, model in self.models.items():
            count = parameters(model.engine.encoder, model.engine.shape)
            models[role] = {**model.to_dict(), "parameters": count}
        return {
            **models,
            "points": [point.to_dict() for point in self.points],
            "accuracy": self.accuracy and self.accuracy.to_dict(),
        }


@dataclass(frozen=True)
class Limit:
    """A limit that the user set, and what was found."""

    name: str
    limit: float
    found: float
    met: bool
    where: str
    tested: Tested

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "limit": self.limit,
            "found": self.found,
            "met": self.met,
            "where": self.where,
            "tested": self.tested,
        }


@dataclass(frozen=True)
class Result:
    """Everything about one run of the command."""

    command: str
    """What was typed."""
    environment: Environment
    disturbance: Disturbance
    effort: Effort
    comparisons: list[Comparison]
    gates: list[Limit]
    shortened: Sequence[str] = ()
    """What the time allowed less of than is usual, a sentence each."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "format": FORMAT,
            "command": self.command,
            "environment": self.environment.to_dict(),
            "disturbance": self.disturbance.to_dict(),
            "settings": {"inputs": DESCRIPTION, **self.effort.to_dict()},
            "comparisons": [self._with_warnings(comparison) for comparison in self.comparisons],
            "gates": [gate.to_dict() for gate in self.gates],
            "notes": self.notes(),
            "warnings": [*self.disturbance.notes(), *self.shortened],
        }

    def _with_warnings(self, comparison: Comparison) -> dict[str, Any]:
        """The comparison's plain values, with what each figure must not be read without."""
        data = comparison.to_dict()
        points = [
            {**point, "warnings": found.warnings(self.effort)}
            for point, found in zip(data["points"], comparison.points, strict=True)
        ]
        return {**data, "points": points, "warnings": comparison.warnings(self.environment.cores)}

    def notes(self) -> list[str]:
        """What a reader of the figures must know, one sentence each."""
        notes = [*self.environment.notes(), *self.disturbance.notes(), *self.shortened]
        for one in self.comparisons:
            notes += [
                _ON_A_GPU[model.engine.timing]
                for model in one.models.values()
                if model.engine.device != "cpu"
            ]
        wide = [
            point.speedup.half_width
            for one in self.comparisons
            for point in one.points
            if point.speedup.half_width > self.effort.goal
        ]
        if wide:
            notes.append(
                f"{len(wide)} of the intervals reach up to {max(wide):.1%} to either side, and {self.effort.goal:.1%} "
                "was the goal: the time was up. Give more (--max-time), or a wider goal (--precision-goal)."
            )
        for comparison in self.comparisons:
            for point in comparison.points:
                notes += point.notes(comparison.models["candidate"].name, self.effort)
            notes += comparison.warnings(self.environment.cores)
            notes += _notes_on(comparison)
        return list(dict.fromkeys(notes))


def summarize(
    loads: dict[Role, Load],
    samples: Samples,
    models: dict[Role, Model],
    peaks: dict[Role, float | None] | None = None,
) -> Point:
    """What follows from the samples of one operating point."""
    return Point(
        loads=loads,
        samples=samples,
        latencies={role: _latency(samples, role, loads[role].served) for role in ROLES},
        speedup=speedup(samples.log_ratios, samples.pilot),
        multiply_adds={
            role: sum(
                multiply_adds(model.engine.encoder, model.engine.shape, batch=call.batch, seq=call.seq)
                for call in loads[role].calls
            )
            for role, model in models.items()
        },
        peaks=peaks or dict.fromkeys(ROLES),
    )


def _most(sizes: Iterable[int | None]) -> int | None:
    return max((size for size in sizes if size is not None), default=None)


def _latency(samples: Samples, role: Role, served: int) -> Latency:
    turns = [turn for launch in samples.launches for block in launch.blocks for turn in block.turns[role]]
    seconds = [second for turn in turns for second in turn.seconds]
    # With several clients a unit takes its time while others go on beside it.
    throughput = None if turns[0].clients == 1 else served / median(turn.typical for turn in turns)
    return latency(seconds, served, throughput)


def check_gates(
    comparisons: Sequence[Comparison],
    min_speedup: float | None,
    max_f1_loss: float | None,
    tested: Tested = "estimate",
    max_has_answer_f1_loss: float | None = None,
) -> list[Limit]:
    """Hold what was found against the limits that were set: the speed-up at every point, the F1 lost as served.

    `tested` says whether the estimates must keep within the limits or the ends of their intervals. What arranging
    its work brings a model is held against none.
    """
    found = []
    for comparison in comparisons:
        if comparison.of_itself:
            continue
        name = comparison.models["candidate"].name
        if min_speedup is not None:
            for one in comparison.points:
                value = one.speedup.low if tested == "bound" else one.speedup.estimate
                found.append(
                    Limit(
                        "min-speedup",
                        min_speedup,
                        value,
                        value >= min_speedup,
                        f"{name}, {one.where}",
                        tested,
                    )
                )
        accuracy = comparison.accuracy
        for option, limit, changes in (
            ("max-f1-loss", max_f1_loss, accuracy.limited if accuracy else []),
            (
                "max-has-answer-f1-loss",
                max_has_answer_f1_loss,
                accuracy.has_answer_limited if accuracy else [],
            ),
        ):
            if limit is not None and changes:
                value = max(-(each.low if tested == "bound" else each.mean_difference) for each in changes)
                found.append(Limit(option, limit, value, value <= limit, name, tested))
    return found


def oversubscribed(threads: int, cores: int) -> str:
    """What it means that there are more threads than cores."""
    shared = "core" if cores == 1 else "cores"
    return f"{threads} threads share {cores} {shared}; engines are usually fastest with --threads {cores}."


def found_in_words(limit: str, found: float) -> str:
    """What was found, in the unit of the limit of that name."""
    return times(found) if limit == "min-speedup" else f"{found:.2f} points"


def _notes_on(comparison: Comparison) -> list[str]:
    baseline = comparison.models["baseline"]
    notes: list[str] = []
    accuracy = comparison.accuracy
    if accuracy:
        notes.append(_THRESHOLDS[accuracy.thresholds])
        if baseline.weights == "random":
            notes.append(
                f"The {baseline.name} has random weights: its times are true, an F1 it has not. "
                "For the F1 lost, name the model that was pruned: --baseline MODEL."
            )
        for role in accuracy.without_settings:
            notes.append(
                f"No decoding.json lies beside {comparison.models[role].name}: its answers were decoded with "
                "the default settings."
            )
    return notes
