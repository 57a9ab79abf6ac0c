"""Windows to train on, and runs of training in processes of their own that are killed on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_model, save_model
from support import tiny
from transformers import PreTrainedModel, Trainer, TrainerState

from prune.cut import shrink
from prune.tasks.question_answering.stored import StoredWindows
from prune.tasks.question_answering.windows import Window
from prune.train import checkpoints
from prune.train.outcome import LogEntry, TrainingOutcome
from prune.train.settings import TrainingSettings
from prune.train.stepping import TaskTrainer
from prune.train.trainer import train
from trellis.ranks import ranks

MARK = 5
"""The token that is the answer: where it stands, the span starts and ends."""


def windows(count: int, *, seed: int = 0, shortest: int = 4, longest: int = 30) -> StoredWindows:
    """An easy task: find MARK. Two windows to a group."""
    generator = np.random.default_rng(seed)
    made = []
    for index in range(count):
        length = int(generator.integers(shortest, longest + 1))
        ids = generator.integers(MARK + 1, tiny.VOCAB_SIZE, length).astype(np.int32)
        answer = int(generator.integers(1, length))
        ids[answer] = MARK
        types = (np.arange(length) > 2).astype(np.int32)
        window = Window(index, ids, types, np.zeros((0, 2), np.int32), answer, answer)
        made.append((index // 2, window))
    return StoredWindows.of(made)


@dataclass(frozen=True)
class Run:
    """One training of a cut BERT, described so that another process can do the same."""

    directory: str
    settings: dict[str, Any]
    distilled: bool = False
    double: bool = False
    count: int = 100

    def start(self, progress: Callable[[int, int, str], None] | None = None) -> "Result":
        """Train to the end, in this process."""
        model, teacher = self.models()
        outcome = train(
            model,
            windows(self.count),
            TrainingSettings(**self.settings),
            pad_token_id=0,
            directory=Path(self.directory),
            teacher=teacher,
            progress=progress,
        )
        return Result(model, outcome)

    def models(self) -> tuple[PreTrainedModel, PreTrainedModel | None]:
        """What is trained, and its teacher if it has one; always the same."""
        whole = tiny.model("bert")
        model = shrink(whole, tiny.UNEVEN)
        if self.double:
            whole.double(), model.double()
        return model, whole if self.distilled else None


@dataclass(frozen=True)
class Result:
    """What a run made."""

    model: PreTrainedModel
    outcome: TrainingOutcome

    def far_from(self, weights: dict[str, torch.Tensor]) -> float:
        """Largest difference of any weight."""
        ours = self.model.state_dict()
        assert ours.keys() == weights.keys()
        return max(float((ours[name] - weights[name]).abs().max()) for name in ours if ours[name].numel())


POINTS: dict[str, tuple[Any, str]] = {
    "weights": (Trainer, "_save"),
    "optimizer": (Trainer, "_save_optimizer_and_scheduler"),
    "rng": (Trainer, "_save_rng_state"),
    "state": (TrainerState, "save_to_json"),
    "marker": (checkpoints, "write_note"),
    "unmarked old one": (Path, "unlink"),
    "half removed old one": (os, "unlink"),
    "step": (TaskTrainer, "compute_loss"),
}
"""Where a process can kill itself: right after a call of the function named."""


def kill_after(point: str, call: int, *, truncate: bool = False) -> None:
    """Have this process killed after that call; `truncate` first leaves half of the file written last."""
    owner, name = POINTS[point]
    original = getattr(owner, name)
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        result = original(*args, **kwargs)
        calls += _counts(point, args, kwargs)
        if calls == call:
            if truncate:
                files = [path for path in Path(sys.argv[1]).rglob("*") if path.is_file()]
                newest = max(files, key=lambda path: path.stat().st_mtime_ns)
                os.truncate(newest, newest.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)


def _counts(point: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if point == "unmarked old one":
        return bool(args[0].name == "complete.json")
    return point != "half removed old one" or "dir_fd" in kwargs  # as shutil.rmtree calls it


def launched_run(run: Run, num_processes: int) -> Result:
    """The result of `run` in several processes that work together."""
    done = _launch(run, num_processes, None)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    model, _ = run.models()
    load_model(model, Path(run.directory).with_suffix(".safetensors"))
    noted = json.loads(Path(run.directory).with_suffix(".json").read_text())
    log = tuple(LogEntry(**entry) for entry in noted.pop("log"))
    return Result(model, TrainingOutcome(**noted, log=log))


def killed_launch(run: Run, num_processes: int, point: str, call: int) -> None:
    """Start `run` in several processes, the first of which is killed there; torchrun ends the others."""
    assert "SIGKILL" in _launch(run, num_processes, {"point": point, "call": call}).stderr


def _launch(run: Run, num_processes: int, kill: dict[str, Any] | None) -> "subprocess.CompletedProcess[str]":
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={num_processes}"]
    return _start([*torchrun, __file__, run.directory, json.dumps([asdict(run), kill])])


def killed_runs(run: Run, kills: list[dict[str, Any]]) -> list[int]:
    """Start `run` once for each of `kills`, in processes that are killed so; the first step each one made.

    A kill is {"point", "call", "truncate"}, or {"after": seconds}: from outside, so long after the first
    step, which may be too late; then there are no further ones.
    """
    done = _start([__file__, run.directory, json.dumps([asdict(run), kills])])
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    first_steps: list[int] = json.loads(done.stdout)
    return first_steps


def _start(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)


def _run_and_write(run: Run, kill: dict[str, Any] | None) -> None:
    """As one of several processes."""
    if kill and ranks().is_main:
        kill_after(kill["point"], kill["call"])
    result = run.start()
    if ranks().is_main:
        save_model(result.model, str(Path(run.directory).with_suffix(".safetensors")))
        noted = json.dumps(asdict(result.outcome))
        Path(run.directory).with_suffix(".json").write_text(noted)


def _run_and_die(run: Run, kills: list[dict[str, Any]]) -> None:
    """In one process for each kill, forked off this one: importing everything once is enough."""
    noted = Path(run.directory).with_suffix(".first")
    first_steps = []
    for kill in kills:
        noted.write_text("0")
        if not (child := os.fork()):
            if "point" in kill:
                kill_after(kill["point"], kill["call"], truncate=kill.get("truncate", False))
            steps: list[int] = []

            def note(step: int, total: int, said: str, steps: list[int] = steps) -> None:
                steps.append(step)
                if len(steps) == 1:
                    noted.write_text(str(step))

            run.start(note)
            os._exit(3)
        if "after" in kill:
            finished = 0
            while not finished and noted.read_text() in ("", "0"):
                time.sleep(0.01)
                finished, _ = os.waitpid(child, os.WNOHANG)
            if finished:
                break
            time.sleep(kill["after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or "after" in kill, f"{kill} did not kill: {status}"
        first_steps.append(int(noted.read_text()))
    print(json.dumps(first_steps))


if __name__ == "__main__":
    described, asked = json.loads(sys.argv[2])
    if isinstance(asked, list):
        _run_and_die(Run(**described), asked)
    else:
        _run_and_write(Run(**described), asked)
