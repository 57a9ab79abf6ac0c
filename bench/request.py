"""What the user asked of bench, checked as far as it can be without opening a model."""

from dataclasses import dataclass

from bench.environment import available_cores
from bench.spec import Device, Effort, Runtime, Workload
from prune.errors import InputError


@dataclass(frozen=True)
class Request:
    """One run of the command. Raises InputError where the parts contradict each other."""

    models: tuple[str, ...]
    """Candidates; none: the paper's operating point."""
    baseline: str | None
    """What to compare with; None: each candidate's unpruned twin."""
    workloads: tuple[Workload, ...]
    runtime: Runtime
    device: Device
    threads: int
    effort: Effort
    dev: str | None
    """Questions for EM and F1."""
    min_speedup: float | None
    max_f1_loss: float | None

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError(
                f"--threads is {self.threads}; give 1 or more (this machine: {available_cores()})."
            )
        if self.baseline and not self.models:
            raise InputError("--baseline names what to compare with, but no MODEL to compare; give one.")
        if self.dev and not self.models:
            raise InputError("--dev measures accuracy, and without MODEL all weights are random; give one.")
        if self.max_f1_loss is not None and not (self.dev and self.baseline):
            raise InputError(
                "--max-f1-loss needs --dev FILE for the questions, and --baseline MODEL for the model that "
                "was pruned: the unpruned twin has random weights and no F1."
            )


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """A list like "1,16", each number once; raises InputError naming `option`."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} is {text!r}; give a whole number, or a list of them like 1,16.") from None
    return tuple(dict.fromkeys(numbers))
