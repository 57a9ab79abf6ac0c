import math

import pytest

from bench.measure.statistics import speedup
from bench.measure.turns import MAX_CALLS, ORDERS, Block, decide, measure, plan
from bench.workload import Effort, Load, Role, Traffic, Turn, Workload
from prune.shape import ModelShape


def _warm_up(baseline: float, candidate: float) -> dict[Role, list[float]]:
    return {"baseline": [2 * baseline, baseline], "candidate": [2 * candidate, candidate]}


def _both(load: Load) -> dict[Role, Load]:
    return {"baseline": load, "candidate": load}


def test_short_calls_are_repeated_and_get_all_blocks() -> None:
    found = plan(_warm_up(0.010, 0.004), _both(Workload(1, 128)), overhead=2.0, effort=Effort())
    assert found.calls == {"baseline": 3, "candidate": 8}
    assert (found.blocks, found.full_wake) == (Effort().blocks, True)
    shortest = plan(_warm_up(1e-6, 1e-6), _both(Workload(8, 16)), 0.0, Effort())
    assert shortest.calls["baseline"] == MAX_CALLS


def test_calls_of_middling_length_are_woken_by_the_whole_batch() -> None:
    assert plan(_warm_up(0.4, 0.2), _both(Workload(16, 64)), 1.0, Effort()).full_wake


def test_slow_calls_get_what_the_time_allows() -> None:
    # A launch of the pilot has 0.6 * 200 / 5 = 24 s, 2.4 of them overhead; a block costs 2 * (2 + 1) s for its
    # turns and 1.5 * (2 + 1) / 16 s to wake: 6.28 s.
    found = plan(_warm_up(2.0, 1.0), _both(Workload(16, 384)), overhead=2.4, effort=Effort(aim=200.0))
    assert found.calls == {"baseline": 1, "candidate": 1}
    assert (found.blocks, found.full_wake) == (3, False)


@pytest.mark.parametrize("overhead", [0.0, 1000.0])
def test_no_launch_goes_under_three_blocks(overhead: float) -> None:
    assert plan(_warm_up(60.0, 30.0), _both(Workload(16, 384)), overhead, Effort()).blocks == 3


def test_orders_are_balanced() -> None:
    for order in ORDERS:
        places = {role: [at for at, who in enumerate(order) if who == role] for role in order}
        assert {sum(each) for each in places.values()} == {3}  # a steady drift falls on both alike
    assert ORDERS[0][0] != ORDERS[1][0]


def test_a_blocks_ratio_is_that_of_its_turns_medians() -> None:
    turns: dict[Role, list[Turn]] = {
        "baseline": [Turn((4.0, 6.0, 50.0), 60.0), Turn((24.0,), 24.0)],
        "candidate": [Turn((3.0,), 3.0), Turn((3.0,), 3.0)],
    }
    assert Block("baseline", turns).log_ratio == pytest.approx(math.log(12 / 3))


def test_a_steady_drift_cancels_within_a_block() -> None:
    """A machine that gets slower by a tenth each turn: the ratio stays what it is."""
    for order in ORDERS:
        turns: dict[Role, list[Turn]] = {"baseline": [], "candidate": []}
        for at, role in enumerate(order):
            seconds = 1.1**at * (2.0 if role == "baseline" else 1.0)
            turns[role].append(Turn((seconds,), seconds))
        assert Block(order[0], turns).log_ratio == pytest.approx(math.log(2))


def test_more_launches_are_made_where_they_are_needed_and_affordable() -> None:
    wide, narrow = [[0.0], [0.1], [0.2], [0.1], [0.0]], [[0.7]] * 5
    assert decide(narrow, spent=50.0, effort=Effort()) == 5
    assert decide(wide, spent=50.0, effort=Effort(aim=150.0)) == 15  # 10 s each
    assert decide(wide, spent=500.0, effort=Effort(aim=150.0)) == 5
    # s = 0.0837, t = 2.776: (2.776 * 0.0837 / log 1.2)^2 = 1.62, which five exceed.
    assert decide(wide, spent=1.0, effort=Effort(goal=0.2)) == 5
    # (2.776 * 0.0837 / log 1.05)^2 = 22.7
    assert decide(wide, spent=1.0, effort=Effort(goal=0.05)) == 23


@pytest.mark.timing
def test_a_slower_model_is_seen_and_blocks_alternate(make_engine) -> None:
    slow = make_engine(ModelShape.uniform(12, num_heads=4, intermediate_size=1024))
    fast = make_engine(ModelShape.uniform(3, num_heads=4, intermediate_size=1024))
    seen: list[tuple[int, int]] = []
    loads = [_both(Workload(1, 64)), _both(Workload(2, 128))]
    found = measure(fast, slow, loads, Effort(3, 4, aim=1.0), lambda *at: seen.append(at))
    assert len(found.samples) == len(loads)
    assert found.cpu_seconds is not None
    assert found.cpu_seconds > 0
    for samples in found.samples:
        assert len(samples.launches) == samples.pilot == 3
        firsts = [[block.first for block in launch.blocks] for launch in samples.launches]
        size = len(firsts[0])
        assert size >= 3
        assert firsts[0] == (["baseline", "candidate"] * 2)[:size]
        assert firsts[1] == (["candidate", "baseline"] * 2)[:size]
        for launch in samples.launches:
            for start in launch.starts.values():
                assert start.load_seconds > 0
                assert start.first_call_seconds > 0
        assert speedup(samples.log_ratios).estimate > 2
        assert speedup(samples.log_ratios).low > 1
    made = list(dict.fromkeys(done for done, _ in seen))
    assert made == list(range(len(made)))
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.timing
def test_a_model_is_as_fast_as_itself(make_engine) -> None:
    engine = make_engine(ModelShape.uniform(6, num_heads=4, intermediate_size=512))
    (samples,) = measure(engine, engine, [_both(Workload(2, 64))], Effort(3, 5, aim=2.0)).samples
    found = speedup(samples.log_ratios, samples.pilot)
    assert 0.7 < found.estimate < 1.4
    assert found.low < 1.2
    assert found.high > 0.8


@pytest.mark.timing
def test_each_side_may_have_a_load_of_its_own(make_engine) -> None:
    engine = make_engine()
    windows = ((100, 8, 8, 8),) * 4
    loads: dict[Role, Load] = {
        "baseline": Traffic("padded", windows, 100, 16),
        "candidate": Traffic("sorted", ((100,) * 4, (8,) * 12), None, 16),
    }
    (samples,) = measure(engine, engine, [loads], Effort(2, 3, aim=1.0)).samples
    assert speedup(samples.log_ratios).estimate > 1.5
