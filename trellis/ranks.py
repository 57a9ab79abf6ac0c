"""One process or several, as torchrun or accelerate launch started them. Importing this is light."""

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from trellis.errors import InputError, first_line

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_PATIENCE = timedelta(days=3)
"""For how long a rank waits for another: one may work alone through a long stage."""

_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT")
_MOST = 65536
_NONE = "-1"
"""What some launchers set LOCAL_RANK to where there is one process; accelerate reads it so too."""


@dataclass(frozen=True)
class Ranks:
    """Where this process stands among those that work together."""

    index: int
    count: int
    device: "torch.device"
    """What this process computes on."""

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.index == 0


def ranks() -> Ranks:
    """This process's place. Where there are several, the first call joins them, and every one must make it."""
    state = _state()
    return Ranks(state.process_index, state.num_processes, state.device)


def wait() -> None:
    """Go on when all ranks have come here."""
    _state().wait_for_everyone()


def sum_(tensor: "Tensor") -> "Tensor":
    """Replace `tensor` by its sum over all ranks, on each of them, and return it."""
    here = ranks()
    if here.count > 1:
        from torch import distributed

        moved = tensor.to(here.device)
        distributed.all_reduce(moved)
        if moved is not tensor:
            tensor.copy_(moved)
    return tensor


@contextmanager
def main_first() -> Iterator[Ranks]:
    """Run the block on rank 0 alone, then on the others: what the first one wrote, they find."""
    with _state().main_process_first():
        yield ranks()


def uses_cpu() -> bool:
    """Whether there is no accelerator, or whoever started this wants none used."""
    import torch
    from accelerate.utils import parse_flag_from_env  # type: ignore[import-untyped]

    return not torch.accelerator.is_available() or bool(parse_flag_from_env("ACCELERATE_USE_CPU"))


def check_launch(environment: Mapping[str, str]) -> None:
    """Raise InputError where the environment says that there are other processes, and not where to meet them.

    The variables are those that torchrun sets; left over from elsewhere, they are no launch.
    """
    numbers = {name: environment[name] for name in _NUMBERS if name in environment}
    if numbers.get("LOCAL_RANK") == _NONE:
        del numbers["LOCAL_RANK"]
    for name, text in numbers.items():
        if not (text.isascii() and text.isdigit() and int(text[:10]) < _MOST and len(text) < 10):
            raise InputError(
                f"The environment variable {name} is {text!r}, expected a whole number of at least 0: start "
                "prune-export with torchrun, or unset it."
            )
    if int(numbers.get("WORLD_SIZE", "1")) > 1 or "LOCAL_RANK" in numbers:
        missing = [
            name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if not environment.get(name)
        ]
        if missing:
            raise InputError(
                f"The environment speaks of several processes, and {missing[0]} is not set: start prune-export "
                "with torchrun, which sets all it takes, or unset WORLD_SIZE and LOCAL_RANK."
            )
        if int(numbers["RANK"]) >= int(numbers["WORLD_SIZE"]):
            raise InputError(
                f"The environment variable RANK is {numbers['RANK']}, which is none of {numbers['WORLD_SIZE']} "
                "processes (WORLD_SIZE); start prune-export with torchrun."
            )


def _state() -> Any:
    check_launch(os.environ)
    from accelerate import PartialState  # type: ignore[import-untyped]
    from torch import distributed

    had_group = distributed.is_available() and distributed.is_initialized()
    try:
        state = PartialState(cpu=uses_cpu(), timeout=_PATIENCE)
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(
            f"The processes that work together do not find each other ({first_line(error)}); start prune-export "
            "with torchrun."
        ) from error
    if state.num_processes > 1 and not had_group:
        atexit.register(distributed.destroy_process_group)
    return state
