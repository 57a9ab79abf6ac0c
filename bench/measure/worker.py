"""The process that holds one engine. It reads one JSON line per request and answers each with one line.

    {"do": "load", "engine": {...}}                              → {"seconds": 1.3}
    {"do": "prepare", "load": {"batch": 16, "seq": 384}}         → {"seconds": [...], "device_bytes": null}
    {"do": "turns", "turns": 2, "calls": 3, "full_wake": true}   → {"turns": [{"seconds": [...], "wall": 0.1}, ...]}

`prepare` tells the seconds of the warm-up's calls, and what the engine has taken of a GPU's memory so far.
An error that the user can mend comes back as {"error": what InputError makes of itself}; any other as {"fault": what it
is}, its traceback on stderr, and ends the process. The end of the input ends the process.
"""

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from threading import Barrier
from typing import IO, Any, TypeVar

import numpy as np

from bench.json_field import Field
from bench.measure.calls import bind
from bench.measure.device_memory import OUT_OF_DEVICE_MEMORY, DeviceMemory, is_out_of_device_memory
from bench.measure.inputs import Inputs, inputs_of
from bench.workload import Load, Turn, Workload, load_from_field
from export.ports import output_shape
from export.runtimes.engine_spec import EngineSpec
from export.runtimes.runtime import Bind, Call
from prune.families.encoder import Encoder
from prune.tasks.batch import Outputs
from trellis.errors import InputError, first_line

T = TypeVar("T")

WARM_UP_CALLS = 4
"""Calls of a warm-up at least, as long as they are within WARM_UP_SECONDS."""
WARM_UP_SECONDS = 2.0
"""After so long the warm-up has ended: with its first two calls where they are slow."""
STABLE = 0.03
"""The warm-up ends when the last two calls brought no new record by more than this share."""


def main(parent: int, load: Callable[[EngineSpec], Bind] = bind) -> None:
    """Serve requests from stdin until it ends; `parent` is the process that this one must not outlive.

    Raises SystemExit where that has ended already, or after a fault, which was answered.
    """
    _die_with(parent)
    # Libraries print where they like: keep the answers' channel to ourselves, give them stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        serve(sys.stdin, answers, load)
    except Exception as error:
        traceback.print_exc()
        # by the same way as answers: on stderr a library's last words may follow ours
        answers.write(json.dumps({"fault": f"{type(error).__name__}: {first_line(error)}"}) + "\n")
        raise SystemExit(1) from None


def serve(requests: IO[str], answers: IO[str], load: Callable[[EngineSpec], Bind] = bind) -> None:
    """Answer each line of `requests` with one line in `answers`; engines are opened by `load`."""
    session = _Session(load)
    for line in requests:
        try:
            answer = session.answer(json.loads(line))
        except InputError as error:
            answer = {"error": error.to_dict()}
        except Exception as error:
            if not is_out_of_device_memory(str(error)):
                raise
            answer = {"error": InputError(OUT_OF_DEVICE_MEMORY).to_dict()}
        answers.write(json.dumps(answer) + "\n")


class _Session:
    """The loaded engine and the inputs of the operating point at hand."""

    engine: EngineSpec
    bind: Bind
    calls: list[Call]
    """Those of one timed unit."""
    one_row: Call | None
    """The first of them with one row, which wakes the engine; None where the engine serves no batch of one."""
    clients: "Clients | None" = None
    """Who calls the engine, where they are several."""
    memory: DeviceMemory | None = None

    def __init__(self, load: Callable[[EngineSpec], Bind]) -> None:
        self.load = load

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "load":
                self.engine = EngineSpec.from_dict(request["engine"])
                if self.engine.device != "cpu":
                    self.memory = DeviceMemory()
                start = time.perf_counter()
                with self._watched():
                    self.bind = self.load(self.engine)
                if self.engine.clients > 1:
                    self.clients = Clients(self.engine.clients)
                return {"seconds": time.perf_counter() - start}
            case "prepare":
                with self._watched():
                    seconds = self._warm_up(load_from_field(Field(request["load"], "a request")))
                return {"seconds": seconds, "device_bytes": self.memory and self.memory.taken}
            case "turns":
                self._wake(whole=request["full_wake"])
                turns = [self._turn(request["calls"]) for _ in range(request["turns"])]
                return {"turns": [turn.to_dict() for turn in turns]}
            case other:
                raise ValueError(f"a worker was asked to {other!r}")

    def _watched(self) -> AbstractContextManager[None]:
        return self.memory.watched() if self.memory else nullcontext()

    def _warm_up(self, load: Load) -> list[float]:
        """Seconds of units until they get no faster; the first one, which allocates, is slower than most."""
        self.calls = []
        seconds = []
        batches = inputs_of(self.engine.encoder, load)
        for inputs, size in zip(batches, load.calls, strict=True):
            start = time.perf_counter()
            call = self.bind(inputs)
            call.run()
            seconds.append(time.perf_counter() - start)
            _check(call.outputs(), self.engine.encoder, size)
            self.calls.append(call)
        seconds = [sum(seconds)]
        self.one_row = self._bound_row(batches[0])
        if self.clients:
            self.clients.each(self._timed_unit)  # to each the first call, which may allocate, too
            self._wake(whole=False)
        while sum(seconds) < WARM_UP_SECONDS or len(seconds) < 2:
            seconds.append(self._timed_unit())
            if len(seconds) >= WARM_UP_CALLS and min(seconds[-2:]) > (1 - STABLE) * min(seconds[:-2]):
                break
        return seconds

    def _bound_row(self, batch: Inputs) -> Call | None:
        """A call with one row of `batch`, run once: a turn may wake the engine with it, which must know that shape."""
        try:
            call = self.bind({name: array[:1] for name, array in batch.items()})
            call.run()
        except InputError:  # an engine's profiles may begin with a larger batch
            return None
        return call

    def _wake(self, *, whole: bool) -> None:
        """One untimed unit, or one row of it, after the time in which others had the caches."""
        wake = self._timed_unit if whole or self.one_row is None else self.one_row.run
        if self.clients:
            self.clients.each(wake)
        else:
            wake()

    def _turn(self, calls: int) -> Turn:
        """`calls` timed units of each client."""
        start = time.perf_counter()
        if self.clients:
            seconds = list(chain.from_iterable(self.clients.each(lambda: self._units(calls))))
        else:
            seconds = self._units(calls)
        return Turn(tuple(seconds), time.perf_counter() - start, self.engine.clients)

    def _units(self, calls: int) -> list[float]:
        return [self._timed_unit() for _ in range(calls)]

    def _timed_unit(self) -> float:
        return sum(call.run() for call in self.calls)


class Clients:
    """Threads that call the engine at the same time, the same ones in every turn: runtimes keep things for each."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool = ThreadPoolExecutor(number)

    def each(self, work: Callable[[], T]) -> list[T]:
        """What `work` gives each of them; they begin together."""
        together = Barrier(self._number)  # nor does one thread take the work of two

        def begin(_: int) -> T:
            together.wait()
            return work()

        return list(self._pool.map(begin, range(self._number)))


def _check(outputs: Outputs, encoder: Encoder, call: Workload) -> None:
    """Raise InputError unless what the model gives is finite and of the shape that its head says."""
    expected = output_shape(encoder, call.batch, call.seq)
    for name, values in outputs.items():
        if values.shape != expected or not np.isfinite(values).all():
            raise InputError(
                f"The model's {name} have shape {values.shape}, expected {expected} of finite numbers: "
                f"this is no {encoder.task.name} model, or its weights are broken."
            )


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
