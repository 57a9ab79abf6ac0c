import pytest
from support.measured import SAMPLES, both_models, compared, launch, turn

from bench.measure.turns import ORDERS, Samples
from bench.result.comparison import Comparison
from bench.result.summary import summarize
from bench.workload import Traffic, Workload


@pytest.fixture
def comparison(encoder, whole, cut) -> Comparison:
    return compared(encoder, whole, cut)


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
    assert point.of_peak["baseline"] == pytest.approx(point.multiply_adds["baseline"] / 0.44 / 1e9)
    assert point.of_peak["candidate"] is None
    assert point.start("baseline") == {
        "load_seconds": 1.5,
        "first_call_seconds": 0.9,
        "peak_bytes": 4_000_000,
        "device_bytes": None,
    }
    assert point.start("candidate")["peak_bytes"] is None


def test_throughput_of_several_clients_is_by_the_wall(encoder, whole, cut) -> None:
    models = both_models(encoder, whole, cut)
    turns = [turn(0.4, 0.4, 0.4, 0.4, clients=2)] * 2  # 0.8 s for four calls
    samples = Samples(2, [launch(ORDERS[0], turns, turns, 1.0)] * 2)
    point = summarize(dict.fromkeys(("baseline", "candidate"), Workload(3, 16)), samples, models)
    assert point.latencies["baseline"].p50 == 0.4
    assert point.latencies["baseline"].throughput == pytest.approx(3 / 0.2)


def test_traffic_counts_questions_and_says_both_arrangements(encoder, whole, cut) -> None:
    models = both_models(encoder, whole, cut)
    padded, short = Traffic("padded", ((16, 4),), None, 5), Traffic("sorted", ((16,), (4,)), None, 5)
    point = summarize({"baseline": padded, "candidate": short}, SAMPLES, models)
    assert point.where == "sorted, baseline padded"
    assert point.latencies["candidate"].throughput == pytest.approx(5 / 0.2)
    assert point.multiply_adds["baseline"] == 32 * (3 * (4 * 64 * 64 + 2 * 16 * 64 + 2 * 64 * 256) + 128)
