"""What is wanted of a file: a group of options that refuses what contradicts itself. Importing this is light.

The text under a field is what `prune-export --help` says of it.
"""

from dataclasses import dataclass
from typing import Annotated

from export.target import GraphPrecision, Target, dialect_of
from trellis.bounds import check_choices, check_whole
from trellis.errors import InputError, Parameter
from trellis.options import File, Unset, Value

Points = Annotated[float, Value("POINTS")]


@dataclass(frozen=True)
class Output:
    """What is written.

    Raises InputError where a number is out of range, or two wishes contradict each other.
    """

    target: Target = "onnxruntime"
    """Write for what is to run the file. portable is for anything: it has standard operators alone."""
    precision: GraphPrecision = "fp32"
    """Have the graph compute its products in this. fp16 is for GPUs, and what could overflow stays in fp32."""
    int8_windows: int = 256
    """Find the ranges of int8 on this many windows, of the training data or of the built-in questions."""
    max_f1_loss: Points | None = None
    """Let int8 cost at most this much F1 as served on `dev`; the parts that hurt most stay in fp32."""
    max_has_answer_f1_loss: Points | None = None
    """Let int8 cost at most this much F1 as served over the questions that have an answer."""
    engine: File | None = None
    """Build TensorRT's engine as well, with `target` tensorrt."""
    profiles: Annotated[
        str | None, Value("TEXT"), Unset("one for single questions, one for batches up to 32")
    ] = None
    """Have the engine serve these batches and lengths, MIN..OPTIMUM..MAX of each, such as 1x384,1..8..32x16..512."""
    timing_cache: File | None = None
    """Read from this file what TensorRT timed before, and write there what it times."""

    def __post_init__(self) -> None:
        check_choices(self)
        dialect_of(self.target, self.precision)
        check_whole(Parameter("int8_windows"), self.int8_windows, 1)
        if self.engine and self.target != "tensorrt":
            raise InputError(
                "{} builds with TensorRT, which does not read what {} writes; add {}.",
                *(Parameter("engine"), Parameter("target", self.target), Parameter("target", "tensorrt")),
            )
        for name in ("profiles", "timing_cache"):
            if getattr(self, name) and not self.engine:
                raise InputError(
                    "{} is about an engine; name the one to build: {}.",
                    *(Parameter(name), Parameter("engine", "FILE")),
                )
        for name, limit in self.loss_limits.items():
            if not 0 <= limit <= 100:
                raise InputError("{} is {:g}; expected points of F1, 0 to 100.", Parameter(name), limit)

    @property
    def loss_limits(self) -> dict[str, float]:
        """Points of F1 as served that int8 may cost, by the name of the field that says so."""
        limits = {name: getattr(self, name) for name in ("max_f1_loss", "max_has_answer_f1_loss")}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def check_with(self, has_dev: bool) -> None:
        """Raise InputError where limits of what int8 may cost have nothing to be measured by."""
        missing = [Parameter("precision", "int8")] if self.precision != "int8" else []
        missing += [] if has_dev else [Parameter("dev", "FILE")]
        for name in self.loss_limits if missing else ():
            raise InputError(
                "{} says how much int8 may cost on the questions of {}; add "
                + " and ".join("{}" for _ in missing)
                + ".",
                *(Parameter(name), Parameter("dev"), *missing),
            )
