import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from bench.accuracy import Accuracy
from bench.environment import Environment
from bench.graphs import Form
from bench.measure import Launch, Round
from bench.models import Model
from bench.report import print_report
from bench.result import Comparison, Result, check_gates, summarize
from bench.spec import Effort, Engine, Role, Workload
from prune.qa.metrics import SquadScore
from prune.qa.settings import DecodingSettings

PLACE = Environment(
    date="2026-01-01T00:00:00+00:00",
    cpu="Some CPU",
    cores=2,
    memory_bytes=2**34,
    load_average=0.1,
    gpu=None,
    system="Linux",
    python="3.11.0",
    packages={"onnxruntime": "1.0"},
)
LAUNCHES: list[Launch] = [
    [Round("baseline", {"baseline": [0.4, 0.5], "candidate": [0.2]}) for _ in range(3)],
    [Round("candidate", {"baseline": [0.44], "candidate": [0.2, 0.2]}) for _ in range(3)],
]


def _models(encoder, whole, cut) -> dict[Role, Model]:
    engine = Engine("onnxruntime", "cpu", 2, encoder, cut, None)
    candidate = Model("out.onnx", engine, whole, Form("onnxruntime"), "trained", None)
    twin = replace(candidate, name="twin", engine=replace(engine, shape=whole), weights="random")
    return {"baseline": twin, "candidate": candidate}


def _accuracy(f1: float, best_f1: float, *, found: bool = True) -> Accuracy:
    score = SquadScore(50.0, f1, 10, None, None, 0, 50.0, f1, 10, best_exact=52.5, best_f1=best_f1)
    return Accuracy(score, DecodingSettings(), found)


def _result(comparison: Comparison, **changes) -> Result:
    gates = check_gates([comparison], changes.pop("min_speedup", None), changes.pop("max_f1_loss", None))
    plain = Result(PLACE, "onnxruntime", "cpu", 2, Effort(2, 3, 1.0), [comparison], gates)
    return replace(plain, **changes)


@pytest.fixture
def comparison(encoder, whole, cut) -> Comparison:
    models = _models(encoder, whole, cut)
    return Comparison(models, [summarize(Workload(2, 16), LAUNCHES, models)], {})


def test_what_follows_from_the_samples(comparison: Comparison) -> None:
    (point,) = comparison.points
    assert point.latencies["baseline"].p50 == pytest.approx(0.44)
    assert point.latencies["baseline"].calls == 9
    assert point.latencies["candidate"].throughput == pytest.approx(2 / 0.2)
    assert point.speedup.estimate == pytest.approx((2.25 * 2.2) ** 0.5)
    assert point.speedup.pairs == 6
    # Whole: 3 layers x (4 projections of 64x64, scores and context over 16 tokens, 2 x 64x256), answer 64x2.
    assert point.multiply_adds["baseline"] == 32 * (3 * (4 * 64 * 64 + 2 * 16 * 64 + 2 * 64 * 256) + 128)
    assert point.multiply_add_ratio == point.multiply_adds["baseline"] / point.multiply_adds["candidate"]


def test_json_keeps_the_raw_samples_in_seconds(comparison: Comparison) -> None:
    found = json.loads(json.dumps(_result(comparison).to_dict(), allow_nan=False))
    assert found["format"] == 1
    assert found["environment"]["cpu"] == "Some CPU"
    assert "no padding" in found["settings"]["inputs"]
    (one,) = found["comparisons"]
    assert one["candidate"]["shape"]["num_heads"] == [1, 3, 0]
    assert one["baseline"]["weights"] == "random"
    (point,) = one["points"]
    assert point["launches"][0][0] == {"first": "baseline", "baseline": [0.4, 0.5], "candidate": [0.2]}
    assert (point["batch"], point["seq"], point["speedup"]["launches"]) == (2, 16, 2)


def test_speedup_gate_looks_at_the_estimate(comparison: Comparison) -> None:
    assert [gate.met for gate in check_gates([comparison], 2.22, None)] == [True]
    assert [gate.met for gate in check_gates([comparison], 2.23, None)] == [False]


def test_f1_gate_treats_both_models_alike(comparison: Comparison) -> None:
    assert check_gates([comparison], None, 0.5) == []
    comparison.accuracy.update(baseline=_accuracy(10.0, 80.0), candidate=_accuracy(70.0, 79.4))
    assert comparison.f1_loss == pytest.approx(0.6)
    assert [gate.met for gate in check_gates([comparison], None, 0.5)] == [False]
    assert [gate.met for gate in check_gates([comparison], None, 0.7)] == [True]


def test_notes_say_what_a_reader_must_know(comparison: Comparison, encoder, whole) -> None:
    assert len(_result(comparison).notes()) == 1
    assert _result(comparison).notes()[0].startswith("With 6 pairs (under 30) the interval is wide")
    busy = _result(comparison, environment=replace(PLACE, load_average=1.5), threads=3).notes()
    assert "busy before the start (load 1.5 on 2 cores)" in busy[0]
    assert "3 threads share 2 cores" in busy[1]
    comparison.accuracy["candidate"] = _accuracy(70.0, 70.0, found=False)
    notes = " ".join(_result(comparison).notes())
    assert "twin has random weights: its times are true, an F1 it has not" in notes
    assert "No decoding.json lies beside out.onnx" in notes
    assert "as served: with the threshold of its decoding.json" in notes
    assert "dialects" not in notes
    baseline = replace(comparison.models["baseline"], form=Form("portable"))
    mixed = replace(comparison, models={**comparison.models, "baseline": baseline})
    assert (
        "The two graphs are in different dialects (candidate onnxruntime, baseline portable): "
        "the speed-up is not the cut's alone." in _result(mixed).notes()
    )
    same = replace(comparison, models=dict.fromkeys(("baseline", "candidate"), comparison.models["baseline"]))
    assert any("nothing was removed" in note for note in _result(same).notes())


def test_the_table_shows_what_was_found(comparison: Comparison) -> None:
    comparison.accuracy["candidate"] = _accuracy(70.0, 71.25)
    out = io.StringIO()
    print_report(_result(comparison, min_speedup=3.0), Console(file=out, width=100))
    text = out.getvalue()
    flowing = " ".join(text.split())
    assert "onnxruntime 1.0 on cpu, 2 threads · Some CPU" in text
    assert "66.7% of heads and 75.0% of activations removed" in flowing
    assert "batch 2, seq 16: 2.22 times faster (95% interval " in flowing
    assert "none: random weights" in text
    # Layer, then heads and activations of the baseline and of the candidate.
    assert [line.split() for line in text.splitlines() if line.split()[:1] == ["1"]] == [
        ["1", "4", "3", "256", "128"]
    ]
    assert "F1, best threshold EM, best threshold F1 as served questions" in flowing
    assert "candidate 71.25 52.50 70.00 10" in flowing
    assert "--min-speedup 3: MISSED, 2.22 (out.onnx, batch 2, seq 16)" in text
    assert all(len(line) <= 80 for line in text.splitlines() if "ms" in line)
