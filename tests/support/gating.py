"""Runs of gate training in processes of their own: killed on the way, or several at once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from support import tiny, training

from prune.cut import shrink
from prune.methods.l0 import state as gate_state
from prune.methods.l0 import training as l0
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import Record
from prune.methods.l0.training import TrainedGates, train_gates
from trellis.errors import InputError
from trellis.ranks import ranks


@dataclass(frozen=True)
class Run:
    """One training of gates on a tiny BERT, described so that another process can do the same."""

    directory: str
    settings: dict[str, Any]
    penalties: dict[str, dict[str, Any]]
    count: int = 100
    cut: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    """Of the windows."""

    def start(self, progress: Callable[[Record, int], None] | None = None) -> TrainedGates:
        """Train to the end, in this process."""
        model = tiny.model().double()
        return train_gates(
            shrink(model, tiny.UNEVEN) if self.cut else model,
            training.windows(self.count, **self.options),
            {kind: Penalty(**fields) for kind, fields in self.penalties.items()},  # type: ignore[misc]
            GateSettings(**self.settings),
            pad_token_id=0,
            directory=Path(self.directory),
            progress=progress,
        )


def furthest(first: TrainedGates, second: TrainedGates) -> float:
    """Largest difference of any log α."""
    assert first.log_alpha.keys() == second.log_alpha.keys()
    return max(
        float(np.abs(ours - theirs).max(initial=0))
        for kind in first.log_alpha
        for ours, theirs in zip(first.log_alpha[kind], second.log_alpha[kind], strict=True)
    )


def launched(runs: list[Run], num_processes: int) -> list[list[TrainedGates | str]]:
    """For each run, in several processes that work together, what each of them got, or why it was refused.

    Where a directory's name has {rank} in it, each process has one of its own.
    """
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={num_processes}"]
    _call([*torchrun, __file__, json.dumps([[asdict(run) for run in runs], None])])
    return [[_outcome(run, rank) for rank in range(num_processes)] for run in runs]


def _outcome(run: Run, rank: int) -> TrainedGates | str:
    noted = json.loads((_directory(run, rank) / f"outcome{rank}.json").read_text())
    return noted if isinstance(noted, str) else TrainedGates.from_dict(noted)


def _directory(run: Run, rank: int) -> Path:
    return Path(run.directory.format(rank=rank))


def killed(run: Run, kills: list[dict[str, Any]]) -> list[int]:
    """Start `run` once for each of `kills`, in a process that kills itself so; the first step each one made.

    A kill is {"point": one of POINTS, "call": after which of its calls}. The state is written at every step.
    """
    first_steps: list[int] = json.loads(_call([__file__, json.dumps([[asdict(run)], kills])]))
    return first_steps


POINTS = ("step", "half written", "written", "replaced")
"""A step done and not yet written; half of the new file there; all of it; the old one's place taken."""


def _die_at(point: str, call: int) -> None:
    calls = 0

    def counted(owner: Any, name: str, before: Callable[..., None] = lambda *arguments: None) -> None:
        original = getattr(owner, name)

        def dying(*arguments: Any) -> Any:
            nonlocal calls
            result = original(*arguments)
            calls += 1
            if calls == call:
                before(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, dying)

    def halve(tensors: Any, path: Path, metadata: Mapping[str, str]) -> None:
        os.truncate(path, path.stat().st_size // 2)

    if point == "step":
        counted(l0.GateTraining, "step")
    elif point == "replaced":
        counted(l0, "write_state")
    else:
        counted(gate_state, "save_file", *([halve] if point == "half written" else []))


def _call(arguments: list[str]) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def _run_and_die(run: Run, kills: list[dict[str, Any]]) -> None:
    """In one process for each kill, forked off this one: importing everything once is enough."""
    first_steps = []
    for kill in kills:
        reader, writer = os.pipe()
        if not (child := os.fork()):
            l0._SAVE_EVERY = -1.0
            _die_at(**kill)

            def note(record: Record, steps: int, writer: int = writer) -> None:
                os.write(writer, bytes([record.step]))

            run.start(note)
            os._exit(3)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            steps = pipe.read()
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"{kill} did not kill: {status}"
        first_steps.append(steps[0] if steps else 0)
    print(json.dumps(first_steps))


def _run_and_write(run: Run) -> None:
    rank = ranks().index
    directory = _directory(run, rank)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        outcome: Any = replace(run, directory=str(directory)).start().to_dict()
    except InputError as error:
        outcome = str(error)
    (directory / f"outcome{rank}.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    described, asked = json.loads(sys.argv[1])
    for each in described:
        if asked is None:
            _run_and_write(Run(**each))
        else:
            _run_and_die(Run(**each), asked)
