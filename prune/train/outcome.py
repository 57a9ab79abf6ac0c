"""What came of a run of training, step by step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class LogEntry:
    """What was noted at one step. None: not noted there."""

    step: int
    epoch: float
    seconds: float
    """Of training since its start, earlier attempts at the same run included."""
    loss: float | None = None
    """Mean of the steps since the entry before."""
    learning_rate: float | None = None
    eval_loss: float | None = None
    """The same loss over the held-out windows."""
    eval_exact_span: float | None = None
    """Share of the held-out windows that are answered rightly, see `are_right` in `prune.tasks.learning`."""


@dataclass(frozen=True)
class TrainingOutcome:
    """How far training went and which weights the model has now."""

    steps: int
    seconds: float
    best_step: int
    """The step whose weights the model has: that of the least eval_loss, or the last where none was measured."""
    log: tuple[LogEntry, ...]


def outcome_of(state: Mapping[str, Any], steps_per_epoch: int) -> TrainingOutcome:
    """Read what Trainer noted, in the form in which its checkpoints hold it."""
    steps = int(state["global_step"])
    log = _log(state["log_history"], steps_per_epoch)
    seconds = log[-1].seconds if log else 0.0
    return TrainingOutcome(steps, seconds, int(state["best_global_step"] or steps), log)


def looks_since_best(state: Mapping[str, Any]) -> int:
    """How often the held-out windows were looked at since they were answered best."""
    looks = [entry["step"] for entry in state["log_history"] if "eval_loss" in entry]
    return sum(step > (state["best_global_step"] or 0) for step in looks)


def _log(history: Iterable[Mapping[str, Any]], steps_per_epoch: int) -> tuple[LogEntry, ...]:
    """One entry for each step; Trainer notes training and evaluation apart."""
    names = ("seconds", "loss", "learning_rate", "eval_loss", "eval_exact_span")
    entries: dict[int, LogEntry] = {}
    for noted in history:
        values: dict[str, Any] = {name: float(noted[name]) for name in names if name in noted}
        if values.keys() & {"loss", "eval_loss"}:  # not the summary of the whole run
            step = noted["step"]
            before = entries.get(step, LogEntry(step, step / steps_per_epoch, 0.0))
            entries[step] = replace(before, **values)
    return tuple(entries[step] for step in sorted(entries))
