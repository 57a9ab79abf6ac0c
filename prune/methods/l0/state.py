"""Where gate training stands after a step: everything that the next step depends on, in one file."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from prune.methods.l0.penalty import Penalty
from prune.plan import KINDS, Kind
from trellis.files.disk import clear
from trellis.files.notes import run_of
from trellis.files.replace import replace_file

STATE_FILE = "gates.safetensors"
_NOTED = "noted"

_BETAS = (0.9, 0.999)  # of BERT's optimizer
_EPSILON = 1e-12  # its 1e-6 is above the gradients of a large model's gates, which would hardly move


@dataclass(frozen=True)
class Record:
    """What was seen at one step."""

    step: int
    """Counted from 1."""
    loss: float
    """The task's, mean over the batch, with gates drawn."""
    removed: Mapping[Kind, float]
    """Expected fraction of closed gates before the step's update."""
    weight: Mapping[Kind, float]
    """λ, per gate."""
    learning_rate: float

    def in_words(self) -> str:
        """The figures to watch."""
        closed = ", ".join(f"{removed:.0%}" for removed in self.removed.values())
        return f"{closed} closed, loss {self.loss:.2f}"


@dataclass(frozen=True)
class GateState:
    """log α of each kind, flat over the layers, with Adam's two moments and the penalties; all float64."""

    step: int
    """Updates done."""
    log_alpha: Mapping[Kind, Tensor]
    first_moment: Mapping[Kind, Tensor]
    second_moment: Mapping[Kind, Tensor]
    penalties: Mapping[Kind, Penalty]
    log: tuple[Record, ...] = ()

    @classmethod
    def fresh(
        cls, units: Mapping[Kind, int], penalties: Mapping[Kind, Penalty], initial: float
    ) -> "GateState":
        """Before the first step: all gates alike, `units` of them for each kind."""
        log_alpha = {
            kind: torch.full((count,), initial, dtype=torch.float64) for kind, count in units.items()
        }
        first, second = (
            {kind: torch.zeros_like(values) for kind, values in log_alpha.items()} for _ in range(2)
        )
        return cls(0, log_alpha, first, second, dict(penalties))

    def after(self, gradients: Mapping[Kind, Tensor], record: Record, steps: int) -> "GateState":
        """The state after Adam has followed `gradients` and each penalty was steered; this one stays as it is."""
        step = self.step + 1
        log_alpha, first, second = {}, {}, {}
        for kind, gradient in gradients.items():
            first[kind] = torch.lerp(self.first_moment[kind], gradient, 1 - _BETAS[0])
            second[kind] = torch.lerp(self.second_moment[kind], gradient**2, 1 - _BETAS[1])
            mean, square = first[kind] / (1 - _BETAS[0] ** step), second[kind] / (1 - _BETAS[1] ** step)
            log_alpha[kind] = self.log_alpha[kind] - record.learning_rate * mean / (square.sqrt() + _EPSILON)
        penalties = {
            kind: penalty.steered(record.removed[kind], self.step, steps)
            for kind, penalty in self.penalties.items()
        }
        return GateState(step, log_alpha, first, second, penalties, (*self.log, record))


_MOMENTS = ("log_alpha", "first_moment", "second_moment")


def write_state(state: GateState, directory: Path) -> None:
    """Write `state` into `directory`; the one before it is replaced whole."""
    tensors = {f"{name}.{kind}": getattr(state, name)[kind] for name in _MOMENTS for kind in state.log_alpha}
    rest = {
        "step": state.step,
        "penalties": {kind: asdict(penalty) for kind, penalty in state.penalties.items()},
        "log": [asdict(record) for record in state.log],
    }
    tensors, said = {name: tensor.contiguous() for name, tensor in tensors.items()}, json.dumps(rest)
    with replace_file(directory / STATE_FILE) as staging:
        noted = {"state": said, "digest": _digest(directory, said, tensors)}
        save_file(
            tensors, staging, {_NOTED: json.dumps(noted)}
        )  # one entry: the order of several is not fixed


def read_state(directory: Path) -> GateState | None:
    """The state that `write_state` left in `directory`; None where there is none, or it is not as it was left."""
    path = directory / STATE_FILE
    try:
        with safe_open(path, framework="pt") as file:
            noted = json.loads(file.metadata()[_NOTED])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if noted["digest"] != _digest(directory, noted["state"], tensors):
            return None
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, RuntimeError):
        return None
    rest = json.loads(noted["state"])
    kinds = [kind for kind in KINDS if kind in rest["penalties"]]
    log_alpha, first, second = ({kind: tensors[f"{name}.{kind}"] for kind in kinds} for name in _MOMENTS)
    return GateState(
        rest["step"],
        log_alpha,
        first,
        second,
        {kind: Penalty(**rest["penalties"][kind]) for kind in kinds},
        tuple(Record(**record) for record in rest["log"]),
    )


def remove_damaged_state(directory: Path) -> list[str]:
    """Rid `directory` of a state that is not as it was left; its file, if there was one."""
    path = directory / STATE_FILE
    if not os.path.lexists(path) or read_state(directory):
        return []
    clear(path)
    return [STATE_FILE]


def _digest(directory: Path, said: str, tensors: Mapping[str, Tensor]) -> str:
    """Of all that a state is, and of the run that it belongs to."""
    digest = blake2b(f"{run_of(directory)} {said}".encode(), digest_size=32)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
