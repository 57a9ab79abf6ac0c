import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.changes.interval import change_of, welch_degrees
from bench.measure.statistics import student_t


def test_the_change_is_welchs_where_the_launches_were_fixed() -> None:
    old, new = [0.5, 0.55, 0.71, 0.62], [0.42, 0.4, 0.45]
    found = change_of(([[one] for one in old], 4), ([[one] for one in new], 3))
    welch = scipy_stats.ttest_ind(new, old, equal_var=False)
    interval = welch.confidence_interval(0.95)
    assert math.log(found.estimate) == pytest.approx(sum(new) / 3 - sum(old) / 4)
    assert found.degrees == math.floor(welch.df)
    # As wide as Welch's, but for the degrees of freedom that were rounded down.
    wider = scipy_stats.t.ppf(0.975, found.degrees) / scipy_stats.t.ppf(0.975, welch.df)
    assert wider > 1
    half = (interval.high - interval.low) / 2
    assert math.log(found.high / found.estimate) == pytest.approx(half * wider)
    assert math.log(found.estimate / found.low) == pytest.approx(half * wider)


def test_a_launch_counts_with_the_median_of_its_blocks() -> None:
    spoilt = change_of(([[0.5, 0.5, 9.0], [0.6, -9.0, 0.6]], 2), ([[0.5], [0.6]], 2))
    assert spoilt == change_of(([[0.5], [0.6]], 2), ([[0.5], [0.6]], 2))
    assert spoilt.estimate == 1


def test_where_launches_were_added_the_spread_and_its_degrees_are_the_pilots() -> None:
    pilot, more = [0.5, 0.6, 0.7], [0.6] * 6
    found = change_of(([[one] for one in pilot + more], 3), ([[0.6], [0.6], [0.6], [0.6]], 4))
    assert found.estimate == pytest.approx(1)
    assert found.degrees == 2  # of the smaller pilot
    assert math.log(found.high) == pytest.approx(student_t(0.95, 2) * 0.1 / 3)  # s = 0.1, N = 9


def test_welch_degrees() -> None:
    assert welch_degrees([1.0, 1.0], [4, 4]) == 8
    assert welch_degrees([1.0, 0.0], [4, 9]) == 4
    assert welch_degrees([1.0, 2.0], [2, 5]) == 6  # 9 / (1/2 + 4/5) = 6.92
    assert welch_degrees([0.0, 0.0], [4, 2]) == 2


@pytest.mark.parametrize(
    ("ends", "verdict", "lost"),
    [((0.80, 0.97), "slower", True), ((0.80, 0.99), "slower", False), ((1.01, 1.1), "faster", False)],
)
def test_verdict_and_regression_need_the_whole_interval(ends, verdict: str, lost: bool) -> None:
    middle, half = (math.log(ends[0]) + math.log(ends[1])) / 2, math.log(ends[1] / ends[0]) / 2
    spread = half / student_t(0.95, 2) * math.sqrt(3)
    found = change_of(
        ([[0.0]] * 3, 3), ([[middle - spread], [middle], [middle + spread]], 3)
    )  # the first does not vary: all the interval is the second's
    assert (found.low, found.high) == (pytest.approx(ends[0]), pytest.approx(ends[1]))
    assert found.verdict == verdict
    assert found.lost_more_than(0.02) is lost


@pytest.mark.parametrize("luck", [0.01, 0.02, 0.05])
def test_the_interval_holds_the_truth_where_its_width_chose_the_launches(luck: float) -> None:
    rng = np.random.default_rng(0)
    times, pilot, goal = 4000, 5, 0.02
    t = student_t(0.95, pilot - 1)

    def measured() -> tuple[list[list[float]], int]:
        first = rng.normal(0, luck, pilot)
        added = max(0, math.ceil((t * first.std(ddof=1) / math.log1p(goal)) ** 2) - pilot)
        # Of the later launches only the mean counts: each is given as that.
        rest = [rng.normal(0, luck / math.sqrt(added))] * added if added else []
        return [[one] for one in (*first, *rest)], pilot

    held = sum((found := change_of(measured(), measured())).low <= 1 <= found.high for _ in range(times))
    assert held / times > 0.95 + NormalDist().inv_cdf(0.001) * math.sqrt(0.95 * 0.05 / times)
