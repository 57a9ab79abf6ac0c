"""The process that holds one engine. It reads one JSON line per request and answers each with one line.

    {"do": "load", "engine": {...}}                      → {}
    {"do": "prepare", "batch": 16, "seq": 384}           → {"seconds": [...]}   the warm-up's calls
    {"do": "turn", "calls": 3, "wake_rows": 16}          → {"seconds": [...]}   the timed calls

An error that the user can mend comes back as {"error": sentence}; any other ends the process, its last words
on stderr. The end of the input ends the process.
"""

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from typing import IO, Any

import numpy as np

from bench.inputs import Inputs, random_inputs
from bench.runners import Run, runner
from bench.spec import Engine, Workload
from prune.errors import InputError

OUT_OF_DEVICE_MEMORY = (
    "The GPU has too little free memory for this operating point; give a lower --batch or --seq, a smaller "
    "model, or end what else uses the GPU."
)

WARM_UP_CALLS = 4
WARM_UP_SECONDS = 1.0
"""The warm-up ends with its fourth call, or with the first call that ends after this many seconds."""


def main(parent: int) -> None:
    """Serve requests from stdin until it ends; `parent` is the process that this one must not outlive."""
    _die_with(parent)
    # Libraries print where they like: keep the answers' channel to ourselves, give them stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        serve(sys.stdin, answers)
    except Exception as error:
        traceback.print_exc()
        # The last line of stderr is what the parent quotes: have the gist there, however long the message.
        raise SystemExit(
            f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
        ) from None


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer each line of `requests` with one line in `answers`."""
    session = _Session()
    for line in requests:
        try:
            answer = session.answer(json.loads(line))
        except InputError as error:
            answer = {"error": str(error)}
        except Exception as error:
            if not is_out_of_device_memory(str(error)):
                raise
            answer = {"error": OUT_OF_DEVICE_MEMORY}
        answers.write(json.dumps(answer) + "\n")


def is_out_of_device_memory(message: str) -> bool:
    """Whether that is how CUDA, or what runs on it, says that the GPU's memory does not suffice."""
    lowered = message.lower()
    return "cuda" in lowered and any(
        sign in lowered for sign in ("out of memory", "failed to allocate memory", "error_out_of_memory")
    )


class _Session:
    """The loaded engine and the inputs of the operating point at hand."""

    engine: Engine
    run: Run
    inputs: Inputs

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "load":
                self.engine = Engine.from_dict(request["engine"])
                self.run = runner(self.engine.runtime).load(self.engine)
                return {}
            case "prepare":
                workload = Workload(request["batch"], request["seq"])
                self.inputs = random_inputs(self.engine.encoder, workload)
                return {"seconds": self._warm_up(workload)}
            case "turn":
                self.run({name: array[: request["wake_rows"]] for name, array in self.inputs.items()})
                return {"seconds": [self._timed_call() for _ in range(request["calls"])]}
            case other:
                raise ValueError(f"a worker was asked to {other!r}")

    def _warm_up(self, workload: Workload) -> list[float]:
        """Seconds of calls until the model is warm; the first one, which allocates, is slower than most."""
        start = time.perf_counter()
        logits = self.run(self.inputs)
        seconds = [time.perf_counter() - start]
        for name, values in zip(("start_logits", "end_logits"), logits, strict=True):
            expected = (workload.batch, workload.seq)
            if values.shape != expected or not np.isfinite(values).all():
                raise InputError(
                    f"The model's {name} have shape {values.shape}, expected {expected} of finite numbers: "
                    "this is no question-answering model, or its weights are broken."
                )
        # A turn may wake the engine with one row, which must not meet that shape for the first time then.
        self.run({name: array[:1] for name, array in self.inputs.items()})
        while len(seconds) < WARM_UP_CALLS and sum(seconds) < WARM_UP_SECONDS:
            seconds.append(self._timed_call())
        return seconds

    def _timed_call(self) -> float:
        start = time.perf_counter()
        self.run(self.inputs)
        return time.perf_counter() - start


def _die_with(parent: int) -> None:
    """Have the kernel kill this process, stopped or not, when its parent ends (Linux).

    Elsewhere a running worker ends with its input, and a stopped one, the last of its process group, is woken
    and hung up on by the kernel when its parent ends.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was told
        raise SystemExit("the parent is gone")


if __name__ == "__main__":
    main(int(sys.argv[1]))
