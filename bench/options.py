"""What a comparison can be asked for: groups of options, each of which refuses what contradicts itself.

The text under a field is what `bench --help` says of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Annotated, get_args

from bench.workload import Tested, Workload, check_whole
from export.runtimes import RUNTIMES, runtime_of
from export.runtimes.engine_spec import Device, Timing
from export.target import GraphPrecision, RuntimeName
from prune.tasks.question_answering.reading import ReadingName
from trellis.bounds import check_choices
from trellis.cores import available_cores
from trellis.errors import InputError, Parameter
from trellis.options import Unset, Value

MOST_THREADS = 8
"""To each core: with more only their waiting for each other is measured. With more than one there is a warning."""
MOST_CLIENTS = 256
MOST_NUMBERS = 64
"""In a list that is swept."""


def parse_numbers(name: Parameter, text: str) -> tuple[int, ...]:
    """A list like "1,16", each number once; raises InputError that speaks of `name`."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            "{} is {}; give a whole number, or a list of them like 1,16.", name, shortened(text)
        ) from None
    if len(numbers) > MOST_NUMBERS:
        raise InputError("{} lists {:,} numbers; give {} at most.", name, len(numbers), MOST_NUMBERS)
    return tuple(dict.fromkeys(numbers))


def parse_words(name: Parameter, text: str) -> tuple[str, ...]:
    """A list like "fp32,int8", each word once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",")))


Numbers = Annotated[tuple[int, ...], Value("N,...", parse=parse_numbers)]


@dataclass(frozen=True)
class OperatingPoints:
    """What both models are given to do."""

    batch: Numbers = (1,)
    """Sequences in a call. A list such as 1,16 sweeps."""
    seq: Numbers = (384,)
    """Tokens in a sequence. A list such as 128,384 sweeps."""
    lengths: Annotated[str | None, Value("FILE")] = None
    """Serve 32 questions of this SQuAD JSON, of the lengths that they have, with up to `batch` in a call: padded to the
    longest of all, padded by batch, and sorted by length."""

    def __post_init__(self) -> None:
        for name, numbers in (("batch", self.batch), ("seq", self.seq)):
            if not numbers:
                raise InputError("{} lists no number; give one at least.", Parameter(name))
        _ = self.workloads  # each of them checks itself

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Each size with each length."""
        return tuple(Workload(size, length) for size in self.batch for length in self.seq)


@dataclass(frozen=True)
class Engines:
    """How the models are run."""

    runtime: Annotated[
        tuple[RuntimeName, ...],
        Value(f"{'|'.join(RUNTIMES)},...", parse=parse_words),
        Unset("what MODEL was made for, else onnxruntime"),
    ] = ()
    """What runs the models. A list sweeps."""
    precision: Annotated[tuple[GraphPrecision, ...], Value("NAME,...", parse=parse_words)] = ("fp32",)
    """What the graphs that bench builds without MODEL compute in: fp32, fp16 or int8. A list sweeps."""
    device: Annotated[Device | None, Unset("cpu, for engines cuda")] = None
    """Where they run. cuda and tensorrt are onnxruntime's providers; torch knows cpu and cuda, and openvino cpu."""
    threads: Annotated[Numbers, Unset("all physical cores")] = ()
    """Threads of each engine. A list sweeps."""
    clients: int = 1
    """How many call an engine at the same time."""
    timing: Timing = "call"
    """What is timed on a GPU: call is whole calls, with the copies there and back; device is what the GPU does, by its
    own clock, with inputs and logits in its memory; cuda-graph is that, replayed as a CUDA graph."""

    def __post_init__(self) -> None:
        check_choices(self)
        _check_words("runtime", self.runtime, tuple(RUNTIMES))
        _check_words("precision", self.precision, get_args(GraphPrecision))
        cores = available_cores() if self.threads else 0
        for number in self.threads:
            what = f"threads for the {cores} {'core' if cores == 1 else 'cores'} that this process may use"
            check_whole("threads", number, 1, MOST_THREADS * cores, what)
        check_whole("clients", self.clients, 1, MOST_CLIENTS, "how many call the engine at a time")
        for runtime in map(runtime_of, self.runtime):
            if self.clients > 1 and not runtime.is_shareable:
                raise InputError(
                    "{} is {}, and a model of {}'s is run for one at a time; leave it out.",
                    *(Parameter("clients"), self.clients, runtime.title),
                )
        if self.timing != "call" and self.device == "cpu":
            raise InputError(
                "{} is by a GPU's clock, and {} has none; give {}, or {}.",
                *(Parameter("timing", self.timing), Parameter("device", "cpu")),
                *(Parameter("device", "cuda"), Parameter("timing", "call")),
            )
        if self.timing != "call" and self.clients > 1:
            raise InputError(
                "{} is of one call at a time, and {} is {}; give one of them.",
                *(Parameter("timing", self.timing), Parameter("clients"), self.clients),
            )


@dataclass(frozen=True)
class Questions:
    """What accuracy is measured on."""

    dev: Annotated[tuple[str, ...], Value("FILE")] = ()
    """Measure F1 as well, on the questions in this SQuAD JSON, or see `task`. May be given several times."""
    task: ReadingName = "squad"
    """What `dev` holds: squad, or nq (Natural Questions)."""

    def __post_init__(self) -> None:
        check_choices(self)


@dataclass(frozen=True)
class Limits:
    """What must hold of what is found."""

    min_speedup: float | None = None
    """Exit with 1 where a speed-up is lower, at any point; see `test`."""
    max_f1_loss: float | None = None
    """Exit with 1 where more points of F1 as served are lost. Needs `dev` and `baseline`."""
    max_has_answer_f1_loss: float | None = None
    """Exit with 1 where more points are lost over the questions that have an answer."""
    test: Tested = "estimate"
    """Hold limits against the estimate, or against the end of its 95 % interval that is worse."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name, limit in (("min_speedup", self.min_speedup), *self.losses.items()):
            if limit is not None and not math.isfinite(limit):
                raise InputError("{} is {:g}; give a number.", Parameter(name), limit)

    @property
    def losses(self) -> dict[str, float | None]:
        """Those that need an F1 of both models."""
        return {"max_f1_loss": self.max_f1_loss, "max_has_answer_f1_loss": self.max_has_answer_f1_loss}


def _check_words(name: str, words: Sequence[str], known: Sequence[str]) -> None:
    """Raise InputError where a word of a list is not `known`."""
    for word in words:
        if word not in known:
            raise InputError(
                "{} is {}, and {} is not one of {}.",
                *(Parameter(name), shortened(",".join(words)), shortened(word), ", ".join(known)),
            )
