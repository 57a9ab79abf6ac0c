"""Settings called as the command line calls them, in sentences that call them by their own names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from trellis.errors import InputError
from trellis.share import parse_share

_GATES = "The gates' "
_GATE_FLAGS = {"epochs": "--gate-epochs", "learning_rate": "--gate-learning-rate"}
_FLAGS = {
    "micro_batch_size": "--micro-batch",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "temperature": "--temperature",
    "task_weight": "--task-weight",
    "hidden_weight": "--hidden-weight",
    "held_out": "--held-out",
    "evaluate_every": "--evaluate-every",
    "patience": "--patience",
    "dropout": "--dropout",
    "the precision": "--mixed-precision",
}


@contextmanager
def called_by_flag() -> Iterator[None]:
    """An InputError raised within names flags in place of settings."""
    try:
        yield
    except InputError as error:
        raise InputError(_by_flag(str(error))) from error


def _by_flag(sentence: str) -> str:
    is_of_gates = sentence.startswith(_GATES)
    flags = _FLAGS | _GATE_FLAGS if is_of_gates else _FLAGS
    names = "|".join(map(re.escape, flags))
    whole_words = rf"(?<![\w./-])({names})(?![\w/-])"  # not within a path
    return re.sub(whole_words, lambda found: flags[found[1]], sentence.removeprefix(_GATES))


def share(value: str | float) -> float:
    """A share like 2% or 0.02, for `parser=` of an option: typer hands over texts, and defaults as they are."""
    try:
        return parse_share("it", str(value))
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
