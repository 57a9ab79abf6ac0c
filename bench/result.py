"""What was found: raw samples, what follows from them, and where it was measured. The JSON is versioned."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from bench.accuracy import Accuracy
from bench.environment import Environment
from bench.inputs import DESCRIPTION
from bench.measure import ROLES, Launch
from bench.models import Model
from bench.spec import ENOUGH_PAIRS, Effort, Role, Workload
from bench.stats import Latency, Speedup, latency, speedup
from prune.cost import multiply_adds, parameters

FORMAT = 1


@dataclass(frozen=True)
class Point:
    """One operating point of a comparison."""

    workload: Workload
    launches: list[Launch]
    latencies: dict[Role, Latency]
    speedup: Speedup
    multiply_adds: dict[Role, int]
    """Of one call."""

    @property
    def multiply_add_ratio(self) -> float:
        """How many times fewer multiply-adds the candidate needs."""
        return self.multiply_adds["baseline"] / self.multiply_adds["candidate"]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; all times in seconds."""
        return {
            "batch": self.workload.batch,
            "seq": self.workload.seq,
            **{str(role): self.latencies[role].to_dict() for role in ROLES},
            "speedup": self.speedup.to_dict(),
            "multiply_adds": self.multiply_adds,
            "multiply_add_ratio": self.multiply_add_ratio,
            "launches": [[turn.to_dict() for turn in launch] for launch in self.launches],
        }


@dataclass(frozen=True)
class Comparison:
    """A candidate against a baseline, at every operating point."""

    models: dict[Role, Model]
    points: list[Point]
    accuracy: dict[Role, Accuracy]
    """Of the models whose accuracy was measured."""

    @property
    def f1_loss(self) -> float | None:
        """Points of F1 that the candidate lost, each model at its best null threshold."""
        if len(self.accuracy) < len(ROLES):
            return None
        return self.accuracy["baseline"].best_f1 - self.accuracy["candidate"].best_f1

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        models: dict[str, Any] = {}
        for role, model in self.models.items():
            count = parameters(model.engine.encoder, model.engine.shape)
            models[role] = {**model.to_dict(), "parameters": count}
        return {
            **models,
            "points": [point.to_dict() for point in self.points],
            "accuracy": {role: found.to_dict() for role, found in self.accuracy.items()},
            "f1_loss": self.f1_loss,
        }


@dataclass(frozen=True)
class Gate:
    """A limit that the user set, and what was found."""

    name: str
    limit: float
    found: float
    met: bool
    where: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "limit": self.limit,
            "found": self.found,
            "met": self.met,
            "where": self.where,
        }


@dataclass(frozen=True)
class Result:
    """Everything about one run of the command."""

    environment: Environment
    runtime: str
    device: str
    threads: int
    effort: Effort
    comparisons: list[Comparison]
    gates: list[Gate]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "format": FORMAT,
            "environment": self.environment.to_dict(),
            "settings": {
                "runtime": self.runtime,
                "device": self.device,
                "threads": self.threads,
                "inputs": DESCRIPTION,
                **self.effort.to_dict(),
            },
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "gates": [gate.to_dict() for gate in self.gates],
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """What a reader of the figures must know, one sentence each."""
        notes = []
        if self.environment.load_average is not None:
            busy = self.environment.load_average
            if busy > self.environment.cores / 2:
                notes.append(
                    f"The machine was busy before the start (load {busy:.1f} on {self.environment.cores} "
                    "cores): times are long, and the intervals wider than they need be."
                )
        if self.threads > self.environment.cores:
            notes.append(
                f"{self.threads} threads share {self.environment.cores} cores; "
                f"engines are usually fastest with --threads {self.environment.cores}."
            )
        pairs = min((point.speedup.pairs for one in self.comparisons for point in one.points), default=0)
        if pairs < ENOUGH_PAIRS:
            notes.append(
                f"With {pairs} pairs (under {ENOUGH_PAIRS}) the interval is wide; give more time: "
                "--seconds, --rounds or --launches."
            )
        for comparison in self.comparisons:
            notes += _notes_on(comparison)
        return list(dict.fromkeys(notes))


def summarize(workload: Workload, launches: Sequence[Launch], models: dict[Role, Model]) -> Point:
    """What follows from the samples of one operating point."""
    return Point(
        workload=workload,
        launches=list(launches),
        latencies={
            role: latency(
                [second for turn in chain.from_iterable(launches) for second in turn.seconds[role]],
                workload.batch,
            )
            for role in ROLES
        },
        speedup=speedup([[turn.ratio for turn in launch] for launch in launches]),
        multiply_adds={
            role: multiply_adds(
                model.engine.encoder, model.engine.shape, batch=workload.batch, seq=workload.seq
            )
            for role, model in models.items()
        },
    )


def check_gates(
    comparisons: Sequence[Comparison], min_speedup: float | None, max_f1_loss: float | None
) -> list[Gate]:
    """Hold what was found against the limits that were set: the speed-up at every point, the F1 lost."""
    found = []
    for comparison in comparisons:
        name = comparison.models["candidate"].name
        if min_speedup is not None:
            for one in comparison.points:
                estimate = one.speedup.estimate
                where = f"{name}, batch {one.workload.batch}, seq {one.workload.seq}"
                found.append(Gate("min-speedup", min_speedup, estimate, estimate >= min_speedup, where))
        loss = comparison.f1_loss
        if max_f1_loss is not None and loss is not None:
            found.append(Gate("max-f1-loss", max_f1_loss, loss, loss <= max_f1_loss, name))
    return found


def _notes_on(comparison: Comparison) -> list[str]:
    candidate, baseline = comparison.models["candidate"], comparison.models["baseline"]
    notes = []
    if candidate.engine.shape == baseline.engine.shape:
        notes.append(f"{candidate.name} and {baseline.name} have the same shape: nothing was removed.")
    if candidate.dialect != baseline.dialect:
        notes.append(
            f"The two graphs are in different dialects (candidate {candidate.dialect}, baseline "
            f"{baseline.dialect}): the speed-up is not the cut's alone."
        )
    if comparison.accuracy:
        notes.append(
            "F1 and EM at each model's best null threshold on these questions; as served: with the threshold "
            "of its decoding.json."
        )
    if baseline.weights == "random" and comparison.accuracy:
        notes.append(
            f"The {baseline.name} has random weights: its times are true, an F1 it has not. "
            "For the F1 lost, name the model that was pruned: --baseline MODEL."
        )
    for role, accuracy in comparison.accuracy.items():
        if not accuracy.settings_found:
            notes.append(
                f"No decoding.json lies beside {comparison.models[role].name}: its answers were decoded with "
                "the default settings."
            )
    return notes
