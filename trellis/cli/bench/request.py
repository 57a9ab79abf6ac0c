"""What the user asked of bench, checked as far as it can be without opening a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from reprlib import repr as shortened

from bench.workload import Device, Effort, Runtime, Tested, Timing, Workload, check_whole
from export.target import GraphPrecision
from prune.tasks.question_answering.task import TaskName
from trellis.cores import available_cores
from trellis.errors import InputError

MOST_THREADS = 8
"""To each core: with more only their waiting for each other is measured. With more than one there is a warning."""
MOST_CLIENTS = 256
MOST_NUMBERS = 64
"""In a list that is swept."""


@dataclass(frozen=True)
class Request:
    """One run of the command. Raises InputError where the parts contradict each other."""

    models: tuple[str, ...]
    """Candidates; none: the paper's operating point."""
    baseline: str | None
    """What to compare with; None: each candidate's unpruned twin."""
    workloads: tuple[Workload, ...]
    lengths: str | None
    """Questions whose lengths are to be served instead of workloads of one length."""
    runtimes: tuple[Runtime, ...]
    device: Device
    threads: tuple[int, ...]
    precisions: tuple[GraphPrecision, ...]
    """Of the graphs that bench builds where no model is named."""
    clients: int
    timing: Timing
    effort: Effort
    dev: tuple[str, ...]
    """Questions for F1."""
    task: TaskName
    min_speedup: float | None
    max_f1_loss: float | None
    max_has_answer_f1_loss: float | None
    tested: Tested
    command: str

    def __post_init__(self) -> None:
        cores = available_cores()
        for number in self.threads:
            what = f"threads for the {cores} {'core' if cores == 1 else 'cores'} that this process may use"
            check_whole("--threads", number, 1, MOST_THREADS * cores, what)
        check_whole("--clients", self.clients, 1, MOST_CLIENTS, "how many call the engine at a time")
        if self.clients > 1 and "tensorrt" in self.runtimes:
            raise InputError(
                f"--clients is {self.clients}, and an engine of TensorRT's is run for one at a time; leave it out."
            )
        if self.timing != "call" and self.device == "cpu":
            raise InputError(
                f"--timing {self.timing} is by a GPU's clock, and --device cpu has none; give --device cuda, or "
                "--timing call."
            )
        if self.timing != "call" and self.clients > 1:
            raise InputError(
                f"--timing {self.timing} is of one call at a time, and --clients is {self.clients}; give one of them."
            )
        losses = {
            "--max-f1-loss": self.max_f1_loss,
            "--max-has-answer-f1-loss": self.max_has_answer_f1_loss,
        }
        for option, limit in (("--min-speedup", self.min_speedup), *losses.items()):
            if limit is not None and not math.isfinite(limit):
                raise InputError(f"{option} is {limit:g}; give a number.")
        if self.models and self.precisions != ("fp32",):
            raise InputError(
                f"--precision {','.join(self.precisions)} is of graphs that bench builds without MODEL, and a MODEL "
                "has its own; name the files of each precision (prune-export --precision)."
            )
        if self.lengths and not self.models:
            raise InputError("--lengths needs a tokenizer, and without MODEL there is none; give one.")
        if self.baseline and not self.models:
            raise InputError("--baseline names what to compare with, but no MODEL to compare; give one.")
        if self.dev and not self.models:
            raise InputError("--dev measures accuracy, and without MODEL all weights are random; give one.")
        for option, limit in losses.items():
            if limit is not None and not (self.dev and self.baseline):
                raise InputError(
                    f"{option} needs --dev FILE for the questions, and --baseline MODEL for the model that "
                    "was pruned: the unpruned twin has random weights and no F1."
                )


def parse_words(option: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    """A list like "fp32,int8", each word once; raises InputError naming `option` where one is not `known`."""
    words = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for word in words:
        if word not in known:
            raise InputError(
                f"{option} is {shortened(text)}, and {shortened(word)} is not one of {', '.join(known)}."
            )
    return words


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """A list like "1,16", each number once; raises InputError naming `option`."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{option} is {shortened(text)}; give a whole number, or a list of them like 1,16."
        ) from None
    if len(numbers) > MOST_NUMBERS:
        raise InputError(f"{option} lists {len(numbers):,} numbers; give {MOST_NUMBERS} at most.")
    return tuple(dict.fromkeys(numbers))
