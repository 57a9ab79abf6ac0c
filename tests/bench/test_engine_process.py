import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.engine_process import EngineProcess, WorkerDiedError
from bench.spec import Engine, Traffic, Workload
from prune.errors import InputError


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
    from export.graph import build_graph, random_weights
    from export.write import write_onnx

    weights = random_weights(encoder, whole)
    weights["answer/bias"][:] = float("nan")
    write_onnx(build_graph(encoder, whole, weights), tmp_path / "nan.onnx")
    engine = Engine("onnxruntime", "cpu", 1, encoder, whole, tmp_path / "nan.onnx")
    with (
        EngineProcess(engine, "candidate") as worker,
        pytest.raises(InputError, match=r"start_logits have shape \(1, 8\), expected \(1, 8\) of finite"),
    ):
        worker.prepare(Workload(1, 8))


def test_a_worker_runs_torch_as_well(encoder, cut) -> None:
    with EngineProcess(Engine("torch", "cpu", 1, encoder, cut, None), "candidate") as worker:
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
        "from bench.engine_process import EngineProcess\n"
        "from bench.spec import Engine\n"
        "worker = EngineProcess(Engine.from_dict(json.loads(sys.argv[1])), 'candidate')\n"
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
