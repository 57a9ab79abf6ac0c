"""What only a GPU can show of timing on one: pytest -m gpu tests/bench/test_gpu.py"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.measure.calls import bind
from bench.measure.device_memory import DeviceMemory
from bench.measure.engine_process import EngineProcess
from bench.measure.inputs import random_inputs
from bench.models import Opener
from bench.workload import Workload
from export.runtimes import runtime_of
from export.runtimes.engine_spec import Timing
from trellis.errors import InputError

RUNTIMES = ("onnxruntime", "torch", "tensorrt")


def _engine_on_gpu(runtime: str, scratch: Path):
    """An unpruned BERT of random weights, or a skip where there is no GPU or no such runtime for it."""
    try:
        runtime_of(runtime).check("cuda")
        DeviceMemory()
    except InputError as error:
        pytest.skip(str(error))
    opener = Opener(runtime, "cuda", 1, scratch)
    return opener.paper_pair()[0].engine


def test_where_there_is_no_gpu_that_is_said() -> None:
    try:
        DeviceMemory()
    except InputError as error:
        assert "GPU" in str(error)  # noqa: PT017 (there may as well be one)


@pytest.mark.gpu
@pytest.mark.parametrize("timing", ["device", "cuda-graph"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_calls_on_the_device_give_the_logits_of_whole_calls(
    runtime: str, timing: Timing, tmp_path: Path
) -> None:
    engine = replace(_engine_on_gpu(runtime, tmp_path), timing=timing)
    bound = bind(engine)
    expected = runtime_of(runtime).load(replace(engine, timing="call"))
    calls = []
    for workload in (Workload(1, 384), Workload(4, 128)):
        inputs = random_inputs(engine.encoder, workload)
        calls.append((bound(inputs), inputs))
    for _ in range(2):  # in turns, as each must keep its own inputs
        for call, inputs in calls:
            assert 0 < call.run() < 1
            found = call.outputs()
            for name, wanted in expected(inputs).items():
                np.testing.assert_allclose(found[name], wanted, rtol=0, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.gpu
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_memory_of_a_worker_holds_at_least_its_weights(runtime: str, tmp_path: Path) -> None:
    engine = _engine_on_gpu(runtime, tmp_path)
    with EngineProcess(engine, "candidate") as worker:
        worker.prepare(Workload(1, 128))
        assert worker.device_bytes is not None
        assert 4 * 45e6 < worker.device_bytes < 8e9


@pytest.mark.gpu
def test_the_command_times_on_the_device(tmp_path: Path) -> None:
    from trellis.cli.bench.command import COMMAND

    _engine_on_gpu("onnxruntime", tmp_path)
    out = tmp_path / "found.json"
    arguments = ["--device", "cuda", "--timing", "cuda-graph", "--seq", "128", "--launches", "2"]
    assert COMMAND([*arguments, "--max-time", "10", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["comparisons"][0]["candidate"]["timing"] == "cuda-graph"
    assert any("CUDA graph" in note for note in found["notes"])
    assert found["comparisons"][0]["points"][0]["candidate"]["device_bytes"] > 0
