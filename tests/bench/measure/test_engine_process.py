import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bench.measure.engine_process import EngineProcess, TimeUpError, WorkerDiedError
from bench.measure.worker import serve
from bench.workload import Traffic, Workload
from export.runtimes.engine_spec import EngineSpec
from trellis.errors import InputError


def _state(pid: int) -> str:
    return psutil.Process(pid).status()


def _gone(pid: int, within: float = 20) -> bool:
    """Whether the process ends within so many seconds; one that nobody reaps counts as ended."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if _state(pid) == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_a_worker_that_does_not_answer_in_time_is_given_up(make_engine) -> None:
    began = time.monotonic()
    with pytest.raises(TimeUpError, match="had not answered in time"):
        EngineProcess(make_engine(), "candidate", deadline=began + 0.01)
    with EngineProcess(make_engine(), "candidate", deadline=began + 600) as worker:
        worker.prepare(Workload(1, 16))
        worker._deadline = time.monotonic() + 0.2
        with pytest.raises(TimeUpError):
            worker.turns(1, calls=10**7, full_wake=True)
        pid = worker.pid
    assert _gone(pid)


def test_a_worker_is_stopped_whenever_it_is_idle(make_engine) -> None:
    with EngineProcess(make_engine(), "candidate") as worker:
        assert _state(worker.pid) == psutil.STATUS_STOPPED
        warm_up = worker.prepare(Workload(2, 16))
        assert _state(worker.pid) == psutil.STATUS_STOPPED
        for _ in range(5):
            turns = worker.turns(2, calls=3, full_wake=True)
            assert _state(worker.pid) == psutil.STATUS_STOPPED
            assert [len(turn.seconds) for turn in turns] == [3, 3]
            for turn in turns:
                assert 0 < sum(turn.seconds) <= turn.wall
        assert len(warm_up) >= 4
        peak, own = worker.peak_bytes(), worker.cpu_seconds()
        assert peak is not None
        assert 2**24 < peak < 2**33
        assert own is not None
        assert own > sum(warm_up) / 2
        assert worker.load_seconds > 0
    assert _gone(worker.pid)


def test_a_stopped_worker_uses_no_processor(make_engine) -> None:
    with EngineProcess(make_engine(), "candidate") as worker:
        worker.prepare(Workload(1, 16))
        before = sum(psutil.Process(worker.pid).cpu_times()[:2])
        time.sleep(0.3)
        assert sum(psutil.Process(worker.pid).cpu_times()[:2]) == before


def test_a_worker_that_dies_is_named_with_its_signal(make_engine) -> None:
    with EngineProcess(make_engine(), "baseline") as worker:
        worker.prepare(Workload(1, 16))
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDiedError, match="The baseline's process was killed by SIGKILL"):
            worker.turns(1, 1, full_wake=False)


def test_a_worker_that_fails_is_quoted(make_engine) -> None:
    broken = replace(make_engine(), threads="two")
    with pytest.raises(WorkerDiedError, match=r"The candidate's process ended with exit code 1: TypeError: "):
        EngineProcess(broken, "candidate")


def test_what_the_user_can_mend_comes_back_as_one_sentence(make_engine, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no protobuf at all")
    with pytest.raises(InputError, match=r"onnxruntime does not load .*broken\.onnx"):
        EngineProcess(replace(make_engine(), path=tmp_path / "broken.onnx"), "candidate")
    with (
        EngineProcess(make_engine(), "candidate") as worker,
        pytest.raises(InputError, match="positions for 128"),
    ):
        worker.prepare(Workload(1, 129))


def test_a_model_of_broken_weights_is_not_timed(encoder, whole, tmp_path: Path) -> None:
    from export.graph.build import build_graph, random_weights
    from export.graph.write import write_onnx

    weights = random_weights(encoder, whole)
    weights["answer/bias"][:] = float("nan")
    write_onnx(build_graph(encoder, whole, weights), tmp_path / "nan.onnx")
    engine = EngineSpec("onnxruntime", "cpu", 1, encoder, whole, tmp_path / "nan.onnx")
    with (
        EngineProcess(engine, "candidate") as worker,
        pytest.raises(InputError, match=r"start_logits have shape \(1, 8\), expected \(1, 8\) of finite"),
    ):
        worker.prepare(Workload(1, 8))


class Refusing:
    """An engine that serves batches of two and more, and counts who calls it with what."""

    def __init__(self, seen: list[tuple[int, int]], inputs: dict[str, Any]) -> None:
        self._seen, self._size = seen, inputs["input_ids"].shape

    def run(self) -> float:
        if self._size[0] < 2:
            raise InputError("A batch of 1 came")
        self._seen.append((threading.get_ident(), self._size[0]))
        time.sleep(0.002)
        return 0.002

    def outputs(self) -> Any:
        return dict.fromkeys(("start_logits", "end_logits"), np.zeros(self._size))


def _served(
    engine: EngineSpec, *requests: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[tuple[int, int]]]:
    """What a worker answers, and which calls it made."""
    seen: list[tuple[int, int]] = []
    answers = io.StringIO()
    asked = [{"do": "load", "engine": engine.to_dict()}, *requests]
    lines = io.StringIO("".join(json.dumps(each) + "\n" for each in asked))
    serve(lines, answers, lambda _: partial(Refusing, seen))
    return [json.loads(line) for line in answers.getvalue().splitlines()], seen


def test_an_engine_that_serves_no_single_row_is_woken_with_whole_calls(make_engine) -> None:
    prepare = {"do": "prepare", "load": Workload(2, 8).to_dict()}
    turns = {"do": "turns", "turns": 1, "calls": 3, "full_wake": False}
    answers, seen = _served(make_engine(), prepare, turns)
    assert "error" not in answers[1]
    before = len(_served(make_engine(), prepare)[1])
    assert len(seen) == before + 1 + 3
    assert {batch for _, batch in seen} == {2}
    answers, _ = _served(make_engine(), {"do": "prepare", "load": Workload(1, 8).to_dict()})
    assert str(InputError.from_dict(answers[1]["error"])) == "A batch of 1 came"


def test_clients_are_the_same_threads_in_warm_up_and_in_every_turn(make_engine) -> None:
    engine = replace(make_engine(), clients=3)
    prepare = {"do": "prepare", "load": Workload(2, 8).to_dict()}
    turns = {"do": "turns", "turns": 2, "calls": 2, "full_wake": True}
    _, warm = _served(engine, prepare)
    answers, seen = _served(engine, prepare, turns)
    assert [len(turn["seconds"]) for turn in answers[2]["turns"]] == [6, 6]
    main = threading.get_ident()
    assert len({thread for thread, _ in warm} - {main}) == 3  # each has called before any turn
    calls = Counter(thread for thread, _ in seen if thread != main)
    assert len(calls) == 3
    assert len(set(calls.values())) == 1  # and nobody took another's


def test_a_worker_runs_torch_as_well(encoder, cut) -> None:
    with EngineProcess(EngineSpec("torch", "cpu", 1, encoder, cut, None), "candidate") as worker:
        worker.prepare(Workload(2, 16))
        assert len(worker.turns(1, 2, full_wake=False)[0].seconds) == 2


@pytest.mark.timing
def test_clients_call_side_by_side(make_engine) -> None:
    with EngineProcess(replace(make_engine(), clients=3), "candidate") as worker:
        worker.prepare(Workload(1, 64))
        (turn,) = worker.turns(1, 40, full_wake=True)
    assert len(turn.seconds) == 120
    assert turn.clients == 3
    # They overlap: one after the other they would take as long as all their calls together.
    assert turn.wall < 0.9 * sum(turn.seconds)


def test_traffic_is_one_unit_of_several_calls(make_engine) -> None:
    with EngineProcess(make_engine(), "candidate") as worker:
        short = worker.prepare(Traffic("one", ((8,),), None, 1))
        long = worker.prepare(Traffic("many", ((128, 100),) * 20, None, 20))
        assert min(long) > 5 * min(short)
        (turn,) = worker.turns(1, 2, full_wake=False)
        assert len(turn.seconds) == 2


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_no_stopped_worker_outlives_its_parent(make_engine, end: signal.Signals) -> None:
    program = (
        "import json, sys, time\n"
        "from bench.measure.engine_process import EngineProcess\n"
        "from export.runtimes.engine_spec import EngineSpec\n"
        "worker = EngineProcess(EngineSpec.from_dict(json.loads(sys.argv[1])), 'candidate')\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    line = json.dumps(make_engine().to_dict())
    parent = subprocess.Popen([sys.executable, "-c", program, line], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert _state(pid) == psutil.STATUS_STOPPED
    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()
    assert _gone(pid)
