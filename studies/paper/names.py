"""What the names of cells say."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from studies.paper.cells import WHOLE, YARDSTICK, Kind, Method

Training = Literal["none", "retrain", "distill"]
"""How a model went on after it was cut."""

TRAININGS: tuple[Training, ...] = get_args(Training)

LONGER = f"{WHOLE}-longer"
"""The unpruned model that learned the task first, and afterwards went on for as long as the cut ones."""

_CURVE = re.compile(r"(random|gain|l0)-(heads|ffn)-(\d+)-seed-(\d+)")
_POINT = re.compile(r"(?:l0|transferred)-(\d+)-(\d+)")


@dataclass(frozen=True)
class CurveName:
    """A cell that compares the methods."""

    method: Method
    kind: Kind
    percent: int
    """Wanted; whole units may make it a little more or less."""
    seed: int


def curve_name(name: str) -> CurveName | None:
    """What a cell of the comparison of methods is about; None for another cell."""
    match = _CURVE.fullmatch(name)
    if not match:
        return None
    method, kind, percent, seed = match.groups()
    return CurveName(method, kind, int(percent), int(seed))  # type: ignore[arg-type]


def training_of(name: str) -> tuple[str, Training]:
    """(name of the cut, how training went on) of a point: ("l0-1-1", "distill") for l0-1-1-distill."""
    for training in TRAININGS:
        if name.endswith(f"-{training}"):
            return name.removesuffix(f"-{training}"), training
    return name, "none"


def multiples(base: str) -> tuple[int, int] | None:
    """The multiples of the paper's λ* (for heads, for activations) that a cut is named after, if it is."""
    match = _POINT.fullmatch(base)
    return (int(match[1]), int(match[2])) if match else None


def is_whole(name: str) -> bool:
    """Whether nothing was removed in the cell."""
    return name in (WHOLE, LONGER)


def is_yardstick(name: str) -> bool:
    """Whether it is the smaller model that pruning is held against."""
    return training_of(name)[0] == YARDSTICK
