import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from support.plain_result import PLACE

from bench.accuracy import Accuracy, Metric
from bench.graphs import Form
from bench.measure.environment import Disturbance
from bench.measure.statistics import Speedup
from bench.measure.turns import ORDERS, Block, Launch, Samples, Start
from bench.models import Model
from bench.result import Comparison, Result, check_gates, summarize
from bench.workload import ROLES, Effort, EngineSpec, Role, Traffic, Turn, Workload
from prune.tasks.question_answering.significance import Interval
from trellis.cli.bench.report import print_report

CALM = Disturbance(0.01, 0.0, 0, 0.0)


def _turn(*seconds: float, clients: int = 1) -> Turn:
    return Turn(seconds, sum(seconds) / clients, clients)


def _launch(order: tuple[Role, ...], baseline: list[Turn], candidate: list[Turn], load: float) -> Launch:
    starts: dict[Role, Start] = {"baseline": Start(load, 0.9, 4_000_000), "candidate": Start(0.1, 0.3, None)}
    block = Block(order[0], {"baseline": baseline, "candidate": candidate})
    return Launch([block] * 3, starts)


SAMPLES = Samples(
    2,
    [
        _launch(ORDERS[0], [_turn(0.4, 0.5), _turn(0.45)], [_turn(0.2), _turn(0.2)], 1.0),
        _launch(ORDERS[1], [_turn(0.44), _turn(0.44)], [_turn(0.2, 0.2), _turn(0.2)], 2.0),
    ],
)


def _models(encoder, whole, cut) -> dict[Role, Model]:
    engine = EngineSpec("onnxruntime", "cpu", 2, encoder, cut, None)
    candidate = Model("out.onnx", engine, whole, Form("onnxruntime"), "trained", None)
    twin = replace(candidate, name="twin", engine=replace(engine, shape=whole), weights="random")
    return {"baseline": twin, "candidate": candidate}


def _accuracy(
    loss: float, low: float = -9.0, *, without: tuple[Role, ...] = (), paired: bool = True
) -> Accuracy:
    change = Interval(-loss, low, 1.0) if paired else None
    values: dict[Role, float] = {"candidate": 71.25} | ({"baseline": 71.25 + loss} if paired else {})
    other = Interval(-50.0, -60.0, -40.0) if paired else None
    metrics = [
        Metric("F1 as served", values, change),
        Metric("has-answer F1 as served", values, other),
        Metric("F1 at the best threshold", values),
    ]
    return Accuracy("squad", 10, metrics, without)


def _result(comparison: Comparison, **changes) -> Result:
    tested = changes.pop("tested", "estimate")
    gates = check_gates(
        [comparison], changes.pop("min_speedup", None), changes.pop("max_f1_loss", None), tested
    )
    plain = Result("bench out.onnx", PLACE, CALM, Effort(2, 3, 0.5, 1.0), [comparison], gates)
    return replace(plain, **changes)


@pytest.fixture
def comparison(encoder, whole, cut) -> Comparison:
    models = _models(encoder, whole, cut)
    workload = Workload(2, 16)
    loads: dict[Role, Workload] = {"baseline": workload, "candidate": workload}
    peaks: dict[Role, float | None] = {"baseline": 1e9, "candidate": None}
    return Comparison(models, [summarize(loads, SAMPLES, models, peaks)], None)


def test_what_follows_from_the_samples(comparison: Comparison) -> None:
    (point,) = comparison.points
    assert point.where == "batch 2, seq 16"
    assert point.latencies["baseline"].p50 == pytest.approx(0.44)
    assert point.latencies["baseline"].calls == 15
    assert point.latencies["candidate"].throughput == pytest.approx(2 / 0.2)
    assert point.speedup.estimate == pytest.approx((2.25 * 2.2) ** 0.5)
    assert point.speedup.blocks == 6
    # Whole: 3 layers x (4 projections of 64x64, scores and context over 16 tokens, 2 x 64x256), answer 64x2.
    assert point.multiply_adds["baseline"] == 32 * (3 * (4 * 64 * 64 + 2 * 16 * 64 + 2 * 64 * 256) + 128)
    assert point.multiply_add_ratio == point.multiply_adds["baseline"] / point.multiply_adds["candidate"]
    assert point.of_peak("baseline") == pytest.approx(point.multiply_adds["baseline"] / 0.44 / 1e9)
    assert point.of_peak("candidate") is None
    assert point.start("baseline") == {
        "load_seconds": 1.5,
        "first_call_seconds": 0.9,
        "peak_bytes": 4_000_000,
        "device_bytes": None,
    }
    assert point.start("candidate")["peak_bytes"] is None


def test_throughput_of_several_clients_is_by_the_wall(encoder, whole, cut) -> None:
    models = _models(encoder, whole, cut)
    turns = [_turn(0.4, 0.4, 0.4, 0.4, clients=2)] * 2  # 0.8 s for four calls
    samples = Samples(2, [_launch(ORDERS[0], turns, turns, 1.0)] * 2)
    point = summarize(dict.fromkeys(("baseline", "candidate"), Workload(3, 16)), samples, models)
    assert point.latencies["baseline"].p50 == 0.4
    assert point.latencies["baseline"].throughput == pytest.approx(3 / 0.2)


def test_traffic_counts_questions_and_says_both_arrangements(encoder, whole, cut) -> None:
    models = _models(encoder, whole, cut)
    padded, short = Traffic("padded", ((16, 4),), None, 5), Traffic("sorted", ((16,), (4,)), None, 5)
    point = summarize({"baseline": padded, "candidate": short}, SAMPLES, models)
    assert point.where == "sorted, baseline padded"
    assert point.latencies["candidate"].throughput == pytest.approx(5 / 0.2)
    assert point.multiply_adds["baseline"] == 32 * (3 * (4 * 64 * 64 + 2 * 16 * 64 + 2 * 64 * 256) + 128)


def test_json_keeps_the_raw_samples_in_seconds(comparison: Comparison) -> None:
    found = json.loads(json.dumps(_result(comparison).to_dict(), allow_nan=False))
    assert (found["format"], found["command"]) == (4, "bench out.onnx")
    assert found["environment"]["cpu"] == "Some CPU"
    assert found["disturbance"]["others_share"] == 0.01
    assert "no padding" in found["settings"]["inputs"]
    (one,) = found["comparisons"]
    assert one["candidate"]["shape"]["num_heads"] == [1, 3, 0]
    assert one["baseline"]["weights"] == "random"
    (point,) = one["points"]
    launch = point["launches"][0]
    assert launch["blocks"][0] == {
        "first": "baseline",
        "baseline": [{"seconds": [0.4, 0.5], "wall": 0.9}, {"seconds": [0.45], "wall": 0.45}],
        "candidate": [{"seconds": [0.2], "wall": 0.2}] * 2,
    }
    assert launch["starts"]["baseline"]["load_seconds"] == 1.0
    assert (point["baseline"]["load"], point["speedup"]["launches"]) == ({"batch": 2, "seq": 16}, 2)


def test_a_limit_is_held_against_the_estimate_or_the_bound(comparison: Comparison) -> None:
    (point,) = comparison.points
    assert [gate.met for gate in check_gates([comparison], 2.22, None)] == [True]
    assert [gate.met for gate in check_gates([comparison], 2.23, None)] == [False]
    (gate,) = check_gates([comparison], 2.22, None, "bound")
    assert (gate.met, gate.found) == (False, point.speedup.low)


def test_f1_gate_looks_at_all_questions(comparison: Comparison) -> None:
    assert check_gates([comparison], None, 0.5) == []
    answered = replace(comparison, accuracy=_accuracy(0.6, low=-1.5))
    assert [gate.met for gate in check_gates([answered], None, 0.5)] == [False]
    assert [gate.met for gate in check_gates([answered], None, 0.7)] == [True]
    assert [(gate.met, gate.found) for gate in check_gates([answered], None, 0.7, "bound")] == [(False, 1.5)]
    assert check_gates([replace(comparison, accuracy=_accuracy(0.6, paired=False))], None, 0.5) == []


def test_f1_gate_on_natural_questions_takes_the_kind_that_lost_more(comparison: Comparison) -> None:
    metrics = [
        Metric("F1 of long answers as served", {}, Interval(-0.2, -0.4, 0.1)),
        Metric("F1 of short answers as served", {}, Interval(-0.1, -2.0, 1.8)),
    ]
    answered = replace(comparison, accuracy=Accuracy("nq", 10, metrics, ()))
    (gate,) = check_gates([answered], None, 0.5)
    assert (gate.met, gate.found) == (True, 0.2)
    (gate,) = check_gates([answered], None, 0.5, "bound")
    assert (gate.met, gate.found) == (False, 2.0)


def test_what_arranging_brings_a_model_is_held_against_no_limit(comparison: Comparison) -> None:
    candidate = comparison.models["candidate"]
    of_itself = replace(comparison, models=dict.fromkeys(ROLES, candidate), accuracy=_accuracy(0.6, low=-1.5))
    assert of_itself.of_itself
    assert not comparison.of_itself
    assert check_gates([of_itself], 99, 0.1) == []
    assert len(check_gates([comparison, of_itself], 99, 0.1)) == len(comparison.points)


def test_notes_say_what_a_reader_must_know(comparison: Comparison, encoder, whole) -> None:
    assert len(_result(comparison).notes()) == 0
    assert (
        _result(comparison, effort=Effort(2, 3, 0.01, 1.0))
        .notes()[0]
        .startswith("1 of the intervals reach up to")
    )
    busy = _result(
        comparison, environment=replace(PLACE, load_average=1.5, cores=1, governor="powersave")
    ).notes()
    assert "busy before the start (load 1.5 on 1 cores)" in busy[0]
    assert "2 processors share 1 cores" in busy[1]
    assert "governor powersave" in busy[2]
    assert "2 threads share 1 core;" in busy[3]
    noisy = " ".join(_result(comparison, disturbance=Disturbance(0.5, 0.1, 3, 1.25)).notes())
    for said in (
        "Other processes took 50%",
        "The host gave 10%",
        "throttled 3 times meanwhile, for 1.2 s in all",
    ):
        assert said in noisy
    answered = replace(comparison, accuracy=_accuracy(0.5, without=("candidate",)))
    notes = " ".join(_result(answered).notes())
    assert "twin has random weights: its times are true, an F1 it has not" in notes
    assert "No decoding.json lies beside out.onnx" in notes
    assert "As served: with the threshold for “no answer” of each model's decoding.json." in notes
    assert "dialects" not in notes
    baseline = replace(comparison.models["baseline"], form=Form("portable"))
    mixed = replace(comparison, models={**comparison.models, "baseline": baseline})
    assert (
        "The two graphs are in different dialects (candidate onnxruntime, baseline portable): "
        "the speed-up is not the cut's alone." in _result(mixed).notes()
    )
    candidate = comparison.models["candidate"]
    same = replace(comparison, models={"baseline": replace(candidate, name="other"), "candidate": candidate})
    assert any("nothing was removed" in note for note in _result(same).notes())


def test_what_cannot_be_is_called_a_mistake(comparison: Comparison) -> None:
    (point,) = comparison.points
    adds = point.multiply_adds["baseline"] / 0.44
    for peak, said in ((adds / 1.1, False), (adds / 1.3, True)):
        fast = replace(comparison, points=[replace(point, peaks={"baseline": peak, "candidate": None})])
        assert any("error of measurement" in note for note in _result(fast).notes()) == said


def test_outliers_are_named(comparison: Comparison, encoder, whole, cut) -> None:
    blocks = [
        Block("baseline", {"baseline": [_turn(b)] * 2, "candidate": [_turn(0.2)] * 2})
        for b in (0.4, 0.41, 0.8)
    ]
    launch = replace(SAMPLES.launches[0], blocks=blocks)
    models = _models(encoder, whole, cut)
    samples = Samples(2, [launch, SAMPLES.launches[1]])
    point = summarize(dict.fromkeys(("baseline", "candidate"), Workload(2, 16)), samples, models)
    notes = _result(replace(comparison, points=[point])).notes()
    assert any("block 3 of launch 1 is an outlier, its ratio 1.95× the median" in note for note in notes)


def test_the_table_shows_what_was_found(comparison: Comparison) -> None:
    out = io.StringIO()
    answered = replace(comparison, accuracy=_accuracy(0.5, low=-1.25))
    print_report(_result(answered, min_speedup=3.0, tested="bound"), Console(file=out, width=110))
    text = out.getvalue()
    flowing = " ".join(text.split())
    assert "Some CPU · 2 cores · onnxruntime 1.0" in text
    assert "out.onnx (onnxruntime on cpu, 2 threads; fp32, onnxruntime graph" in flowing
    assert "66.7% of heads and 75.0% of activations removed" in flowing
    assert "batch 2, seq 16: 2.22× as fast (95 % interval " in flowing
    # Layer, then heads and activations of the baseline and of the candidate.
    assert [line.split() for line in text.splitlines() if line.split()[:1] == ["1"]] == [
        ["1", "4", "3", "256", "128"]
    ]
    assert "batch 2, seq 16 baseline 440 500 500 500 4.55 0.00492 1%" in flowing
    assert "F1 as served 71.75 71.25 -0.50 -1.25 to +1.00" in flowing
    assert "F1 at the best threshold 71.75 71.25" in flowing
    assert "--min-speedup 3: MISSED, end of the interval " in text
    assert all(len(line) <= 100 for line in text.splitlines() if "ms" in line)


def test_no_difference_is_called_so(comparison: Comparison, encoder, whole, cut) -> None:
    def same(off: float) -> Launch:
        return _launch(ORDERS[0], [_turn(0.2 + off)] * 2, [_turn(0.2)] * 2, 1.0)

    models = _models(encoder, whole, cut)
    samples = Samples(3, [same(-0.01), same(0.0), same(0.012)])
    point = summarize(dict.fromkeys(("baseline", "candidate"), Workload(2, 16)), samples, models)
    out = io.StringIO()
    print_report(_result(replace(comparison, points=[point])), Console(file=out, width=200))
    assert "batch 2, seq 16: no significant difference: 1.00" in out.getvalue()


def test_a_slower_model_is_told_in_the_unit_of_a_faster_one(comparison: Comparison) -> None:
    """Neither the estimate nor its interval is turned round: 0.89 of the speed, and the interval around that."""
    slower = Speedup(1 / 1.12, 0.84, 0.94, 30, 5)
    out = io.StringIO()
    points = [replace(comparison.points[0], speedup=slower)]
    print_report(_result(replace(comparison, points=points)), Console(file=out, width=200))
    assert "batch 2, seq 16: 0.89× as fast (95 % interval 0.84 to 0.94); 5 launches" in out.getvalue()
    assert "slower" not in out.getvalue()
