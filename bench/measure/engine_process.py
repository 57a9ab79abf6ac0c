"""The parent's handle on a worker: one engine in a process of its own, stopped while it is idle."""

import contextlib
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil

from bench.workload import Load, Role, Turn
from export.runtimes.engine_spec import EngineSpec
from trellis.command import wants_traceback
from trellis.errors import InputError

WORKER = "bench.measure.worker"
_PACKAGES = Path(__file__).resolve().parents[2]


class WorkerDiedError(RuntimeError):
    """A worker ended by itself: says whose, how, and its last words."""


class TimeUpError(RuntimeError):
    """A worker had not answered when its time was up."""


class EngineProcess:
    """A loaded engine; a context manager that leaves no process behind.

    Outside of its own calls the worker is in SIGSTOP: idle threads of an inference runtime spin, and would
    steal the cores from whoever is being measured. During its turn it spins as its users have it.

    Every method raises WorkerDiedError where the worker ends, InputError where it says what to mend, and TimeUpError
    where it has not answered by the deadline; then it is of no use any more.
    """

    def __init__(
        self,
        engine: EngineSpec,
        role: Role,
        worker: str = WORKER,
        *,
        deadline: float = math.inf,
    ) -> None:
        """`worker` is the module that serves, see bench.measure.worker; `deadline` is time.monotonic's."""
        self.role = role
        self._deadline = deadline
        self.device_bytes: int | None = None
        """What it has taken of a GPU's memory for all that it was prepared for; None: it runs on none."""
        self._clients = engine.clients
        self._stderr = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 (closed in close)
        search = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", worker, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": search},
            process_group=0,  # Ctrl-C reaches the parent alone, which then ends its workers
        )
        try:
            self.load_seconds: float = self._ask({"do": "load", "engine": engine.to_dict()})["seconds"]
            """From the file to an engine ready to run."""
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

    def prepare(self, load: Load) -> list[float]:
        """Make the inputs of an operating point and warm up; returns the seconds of the warm-up's calls."""
        found = self._awake({"do": "prepare", "load": load.to_dict()})
        self.device_bytes = found["device_bytes"]
        return found["seconds"]  # type: ignore[no-any-return]

    def turns(self, number: int, calls: int, full_wake: bool) -> list[Turn]:
        """Wake, make one untimed call (of one row, unless `full_wake`), then take so many turns."""
        request = {"do": "turns", "turns": number, "calls": calls, "full_wake": full_wake}
        found = self._awake(request)["turns"]
        return [Turn(tuple(turn["seconds"]), turn["wall"], self._clients) for turn in found]

    def peak_bytes(self) -> int | None:
        """Most memory that was resident at a time; None where the system does not say (Linux does)."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return None
        peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return int(peak[1]) * 1024 if peak else None

    def cpu_seconds(self) -> float | None:
        """Time that its threads spent on the cores; None where the system does not say."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return None
        return float(times.user + times.system)

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
        self._await_answer()
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise InputError.from_dict(answer["error"])
        if "fault" in answer:
            raise self._died(answer["fault"])
        return answer

    def _await_answer(self) -> None:
        """Until there is something to read, the end of its answers included."""
        assert self._process.stdout is not None
        left = None if self._deadline == math.inf else max(0.0, self._deadline - time.monotonic())
        if not select.select([self._process.stdout], [], [], left)[0]:
            raise TimeUpError(f"The {self.role}'s process had not answered in time.")

    def _died(self, fault: str | None = None) -> WorkerDiedError:
        """`fault` is what it told of its end; what follows on stderr may be a library's own last line."""
        code = self._process.wait()
        self._stderr.seek(0)
        words = self._stderr.read().strip()
        if wants_traceback():
            print(words, file=sys.stderr)
        said = fault or (words and words.splitlines()[-1].strip())
        said = f": {said}" if said else " and said nothing."
        if code >= 0:
            how = f"ended with exit code {code}"
        else:
            how = f"was killed by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += " (out of memory? try a smaller --batch)"
        return WorkerDiedError(f"The {self.role}'s process {how}{said}")
