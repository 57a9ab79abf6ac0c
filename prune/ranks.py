"""One process or several, as torchrun or accelerate launch started them. Importing this is light."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_PATIENCE = timedelta(days=3)
"""For how long a rank waits for another: one may work alone through a long stage."""


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


def _state() -> Any:
    from accelerate import PartialState  # type: ignore[import-untyped]
    from torch import distributed

    had_group = distributed.is_available() and distributed.is_initialized()
    state = PartialState(cpu=uses_cpu(), timeout=_PATIENCE)
    if state.num_processes > 1 and not had_group:
        atexit.register(distributed.destroy_process_group)
    return state
