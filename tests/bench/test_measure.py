import pytest

from bench.measure import MAX_CALLS, Round, measure, plan
from bench.spec import Effort, Role, Workload
from bench.stats import speedup
from prune.shape import ModelShape


def _warm_up(baseline: float, candidate: float) -> dict[Role, list[float]]:
    return {"baseline": [2 * baseline, baseline], "candidate": [2 * candidate, candidate]}


def test_short_calls_are_repeated_and_get_all_rounds() -> None:
    found = plan(_warm_up(0.010, 0.004), Workload(1, 128), overhead=2.0, effort=Effort())
    assert found.calls == {"baseline": 3, "candidate": 8}
    assert (found.rounds, found.wake_rows) == (Effort().rounds, 1)
    assert plan(_warm_up(1e-6, 1e-6), Workload(8, 16), 0.0, Effort()).calls["baseline"] == MAX_CALLS


def test_calls_of_middling_length_are_woken_by_the_whole_batch() -> None:
    assert plan(_warm_up(0.4, 0.2), Workload(16, 64), 1.0, Effort()).wake_rows == 16


def test_slow_calls_get_what_the_time_allows() -> None:
    # A launch has 150 / 5 = 30 s, 9 of them overhead; a round costs (2 + 1) s and a sixteenth of that to wake.
    found = plan(_warm_up(2.0, 1.0), Workload(16, 384), overhead=9.0, effort=Effort())
    assert found.calls == {"baseline": 1, "candidate": 1}
    assert (found.rounds, found.wake_rows) == (6, 1)


@pytest.mark.parametrize("overhead", [0.0, 1000.0])
def test_no_launch_goes_under_three_rounds(overhead: float) -> None:
    assert plan(_warm_up(60.0, 30.0), Workload(16, 384), overhead, Effort()).rounds == 3


def test_a_rounds_ratio_is_that_of_its_medians() -> None:
    assert Round("baseline", {"baseline": [4.0, 6.0, 50.0], "candidate": [2.0]}).ratio == 3.0


def test_a_slower_model_is_seen_and_rounds_alternate(make_engine) -> None:
    slow = make_engine(ModelShape.uniform(12, num_heads=4, intermediate_size=1024))
    fast = make_engine(ModelShape.uniform(3, num_heads=4, intermediate_size=1024))
    seen: list[tuple[int, int]] = []
    workloads = [Workload(1, 64), Workload(2, 128)]
    samples = measure(fast, slow, workloads, Effort(launches=3, rounds=4), lambda *at: seen.append(at))
    assert len(samples) == len(workloads)
    for launches in samples:
        assert [len(launch) for launch in launches] == [4, 4, 4]
        assert [turn.first for turn in launches[0]] == ["baseline", "candidate"] * 2
        assert [turn.first for turn in launches[1]] == ["candidate", "baseline"] * 2
        found = speedup([[turn.ratio for turn in launch] for launch in launches])
        assert found.estimate > 2
        assert found.low > 1
    assert seen[-1] == (24, 24)
    assert [done for done, _ in seen] == list(range(1, 25))


def test_a_model_is_as_fast_as_itself(make_engine) -> None:
    engine = make_engine(ModelShape.uniform(6, num_heads=4, intermediate_size=512))
    (launches,) = measure(engine, engine, [Workload(2, 64)], Effort(launches=3, rounds=5))
    found = speedup([[turn.ratio for turn in launch] for launch in launches])
    assert 0.7 < found.estimate < 1.4
    assert found.low < 1.2
    assert found.high > 0.8
