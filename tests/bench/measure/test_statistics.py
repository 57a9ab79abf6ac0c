import math

import pytest
from scipy import stats as scipy_stats

from bench.measure.statistics import latency, launches_needed, outliers, speedup, student_t


def test_latency_is_percentiles_and_throughput() -> None:
    found = latency([0.1 * k for k in range(1, 101)], 4)
    assert found.p50 == pytest.approx(5.05)
    assert found.p90 == pytest.approx(9.01)
    assert found.p95 == pytest.approx(9.505)
    assert found.p99 == pytest.approx(9.901)
    assert found.calls == 100
    assert found.throughput == pytest.approx(4 / 5.05)
    assert latency([1.0], 4, throughput=7.0).throughput == 7.0


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (30, 2.0423)])
def test_student_t_equals_the_printed_tables(degrees: int, quantile: float) -> None:
    assert student_t(0.95, degrees) == pytest.approx(quantile, abs=5e-5)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_student_t_equals_scipy(confidence: float) -> None:
    for degrees in range(1, 60):
        expected = scipy_stats.t.ppf(0.5 + confidence / 2, degrees)
        assert student_t(confidence, degrees) == pytest.approx(expected, rel=1e-9)


def test_speedup_in_closed_form() -> None:
    # Medians within launches: log 2, log 2 + 0.1, log 2 - 0.1; their mean is log 2, their deviation 0.1.
    two = math.log(2)
    launches = [[two, 0.0, math.log(9)], [two + 0.1] * 3, [two - 0.1] * 5]
    found = speedup(launches)
    margin = 4.302652729696142 * 0.1 / math.sqrt(3)
    assert found.estimate == pytest.approx(2)
    assert found.low == pytest.approx(2 * math.exp(-margin))
    assert found.high == pytest.approx(2 * math.exp(margin))
    assert found.half_width == pytest.approx(math.exp(margin) - 1)
    assert (found.blocks, found.launches, found.confidence, found.verdict) == (11, 3, 0.95, "faster")


def test_the_interval_is_made_of_the_pilots_deviation_alone() -> None:
    """Stein's rule: later launches move the estimate and narrow the interval, but say nothing of the spread."""
    pilot = [[0.0], [0.1], [-0.1]]
    margin = 4.302652729696142 * 0.1 / math.sqrt(6)
    for later in ([[0.0]] * 3, [[5.0], [0.0], [-5.0]]):
        found = speedup([*pilot, *later], 3)
        assert math.log(found.high) == pytest.approx(margin)
        assert math.log(found.low) == pytest.approx(-margin)


def test_as_many_launches_as_the_goal_needs() -> None:
    pilot = [[0.0], [0.1], [-0.1]]  # deviation 0.1
    for goal in (0.02, 0.1):
        needed = launches_needed(pilot, goal)
        assert needed == math.ceil((4.302652729696142 * 0.1 / math.log1p(goal)) ** 2)
        assert speedup([*pilot, *[[0.0]] * (needed - 3)], 3).half_width <= goal
        assert speedup([*pilot, *[[0.0]] * (needed - 4)], 3).half_width > goal
    assert launches_needed(pilot, 0.9) == 3


@pytest.mark.parametrize(("shift", "verdict"), [(0.2, "faster"), (-0.2, "slower"), (0.01, "undecided")])
def test_the_verdict_is_what_the_interval_says(shift: float, verdict: str) -> None:
    launches = [[shift + off] for off in (-0.02, 0.0, 0.02, 0.01, -0.01)]
    assert speedup(launches).verdict == verdict


def test_swapping_the_models_inverts_the_speedup() -> None:
    launches = [[0.6, 0.7, 0.65], [0.8, 0.83, 0.75]]
    there, back = speedup(launches), speedup([[-ratio for ratio in launch] for launch in launches])
    assert back.estimate == pytest.approx(1 / there.estimate)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))


def test_outliers_are_named_and_do_not_hide_each_other() -> None:
    launches = [[0.50, 0.51, 0.49, 0.50], [0.60, 0.61, 1.60, 1.61, 0.59, 0.60, 0.60], [0.7] * 4]
    assert [(launch, block) for launch, block, _ in outliers(launches)] == [(1, 2), (1, 3)]
    assert next(outliers(launches))[2] == pytest.approx(math.exp(1.0))
    assert list(outliers([[0.5, 0.52, 0.48], [0.6, 0.61, 0.59]])) == []
    assert list(outliers([[0.5] * 3, [0.501, 0.5, 0.5]])) == []  # far off in deviations, and not worth a word
