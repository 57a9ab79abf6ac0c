"""How a file is compiled, on the real OpenVINO."""

from dataclasses import replace
from pathlib import Path

import pytest

from export.runtimes.engine_spec import EngineSpec
from export.runtimes.openvino import OpenVino, compiled, settings

openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")


@pytest.fixture
def spec(make_file, encoder, cut) -> EngineSpec:
    return EngineSpec("openvino", "cpu", 2, encoder, cut, make_file())


def test_what_a_file_is_compiled_with(spec: EngineSpec) -> None:
    alone = {"INFERENCE_NUM_THREADS": 2, "PERFORMANCE_HINT": "LATENCY", "PERF_COUNT": False}
    assert settings(replace(spec, bfloat16=True)) == alone
    assert settings(spec) == alone | {"INFERENCE_PRECISION_HINT": "f32"}
    assert settings(replace(spec, clients=2))["PERFORMANCE_HINT"] == "THROUGHPUT"
    assert settings(spec, profile=True)["PERF_COUNT"] is True


def test_openvino_takes_what_it_was_told(spec: EngineSpec) -> None:
    model = compiled(spec)
    assert model.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32
    assert model.get_property("INFERENCE_NUM_THREADS") == 2
    by_itself = openvino.Core().compile_model(str(spec.path), "CPU").get_property("INFERENCE_PRECISION_HINT")
    assert compiled(replace(spec, bfloat16=True)).get_property("INFERENCE_PRECISION_HINT") == by_itself


def test_what_it_says_is_told_without_its_sources(tmp_path: Path) -> None:
    told = OpenVino().told(
        RuntimeError("Exception from src/core.cpp:1:\nCheck 'ok' failed at src/a.cpp:2:\nIt is\nbroken.\n")
    )
    assert told == "It is broken."
    assert OpenVino().told(RuntimeError()) == "RuntimeError"


def test_its_profiler_is_read(spec: EngineSpec) -> None:
    from bench.measure.inputs import random_inputs
    from bench.workload import Workload

    readings = list(OpenVino().kernels(spec, random_inputs(spec.encoder, Workload(1, 32)), 2))
    nodes = [node for (_, node), _ in readings]
    assert all(seconds > 0 for _, seconds in readings)
    assert max(map(nodes.count, nodes)) == 2
