"""The parent's handle on a worker: one engine in a process of its own, stopped while it is idle."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from bench.spec import Engine, Role, Workload
from prune.errors import InputError

_PACKAGES = Path(__file__).resolve().parents[1]


class WorkerDiedError(RuntimeError):
    """A worker ended by itself: says whose, how, and its last words."""


class EngineProcess:
    """A loaded engine; a context manager that leaves no process behind.

    Outside of its own calls the worker is in SIGSTOP: idle threads of an inference runtime spin, and would
    steal the cores from whoever is being measured. During its turn it spins as its users have it.

    Every method raises WorkerDiedError where the worker ends, and InputError where it says what to mend.
    """

    def __init__(self, engine: Engine, role: Role) -> None:
        self.role = role
        self._stderr = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 (closed in close)
        search = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": search},
            process_group=0,  # Ctrl-C reaches the parent alone, which then ends its workers
        )
        try:
            self._ask({"do": "load", "engine": engine.to_dict()})
            self._stop()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def prepare(self, workload: Workload) -> list[float]:
        """Make the inputs of an operating point and warm up; returns the seconds of the warm-up's calls."""
        request = {"do": "prepare", "batch": workload.batch, "seq": workload.seq}
        return self._awake(request)["seconds"]  # type: ignore[no-any-return]

    def turn(self, calls: int, wake_rows: int) -> list[float]:
        """Wake, make one untimed call on the first `wake_rows` rows, then `calls` timed ones, in seconds."""
        return self._awake({"do": "turn", "calls": calls, "wake_rows": wake_rows})["seconds"]  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the worker, which holds nothing worth saving; also a stopped one, also twice."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # a request that the worker did not live to read
                    stream.close()

    def _awake(self, request: dict[str, Any]) -> dict[str, Any]:
        self._process.send_signal(signal.SIGCONT)
        answer = self._ask(request)
        self._stop()
        return answer

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        if self._process.returncode is None:
            # Until the kernel has stopped every thread, or the worker turns out to have ended meanwhile.
            _, status = os.waitpid(self.pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                self._process.returncode = os.waitstatus_to_exitcode(status)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise InputError(answer["error"])
        return answer

    def _died(self) -> WorkerDiedError:
        code = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().strip().splitlines()
        said = f": {lines[-1].strip()}" if lines else " and said nothing."
        if code >= 0:
            how = f"ended with exit code {code}"
        else:
            how = f"was killed by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += " (out of memory? try a smaller --batch)"
        return WorkerDiedError(f"The {self.role}'s process {how}{said}")
