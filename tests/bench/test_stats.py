import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats import latency, speedup, student_t


def test_latency_is_percentiles_and_throughput() -> None:
    found = latency([0.1 * k for k in range(1, 101)], batch=4)
    assert found.p50 == pytest.approx(5.05)
    assert found.p90 == pytest.approx(9.01)
    assert found.p99 == pytest.approx(9.901)
    assert found.calls == 100
    assert found.throughput == pytest.approx(4 / 5.05)


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (30, 2.0423)])
def test_student_t_equals_the_printed_tables(degrees: int, quantile: float) -> None:
    assert student_t(0.95, degrees) == pytest.approx(quantile, abs=5e-5)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_student_t_equals_scipy(confidence: float) -> None:
    for degrees in range(1, 60):
        expected = scipy_stats.t.ppf(0.5 + confidence / 2, degrees)
        assert student_t(confidence, degrees) == pytest.approx(expected, rel=1e-9)


def test_speedup_in_closed_form() -> None:
    # Medians within launches: 2, 2 e^0.1, 2 e^-0.1; the mean of their logs is log 2, their deviation 0.1.
    launches = [[2.0, 1.0, 9.0], [2 * math.exp(0.1)] * 3, [2 * math.exp(-0.1)] * 5]
    found = speedup(launches)
    margin = 4.302652729696142 * 0.1 / math.sqrt(3)
    assert found.estimate == pytest.approx(2)
    assert found.low == pytest.approx(2 * math.exp(-margin))
    assert found.high == pytest.approx(2 * math.exp(margin))
    assert (found.pairs, found.launches, found.confidence) == (11, 3, 0.95)


def test_swapping_the_models_inverts_the_speedup() -> None:
    launches = [[1.9, 2.1, 2.0], [2.2, 2.3, 2.1]]
    there, back = speedup(launches), speedup([[1 / ratio for ratio in launch] for launch in launches])
    assert back.estimate == pytest.approx(1 / there.estimate)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))


def _simulated_ratios(
    rng: np.random.Generator, *, speed: float, luck: float, noise: float, memory: float, outliers: float
) -> list[list[float]]:
    """Ratios of 5 launches x 7 rounds of two turns each, on a machine whose speed drifts by a factor of two.

    Each launch of each engine has its own luck, turns have autocorrelated noise, and some are spoilt.
    """
    launches = []
    clock = rng.uniform(0, 2 * math.pi)
    for _ in range(5):
        lucks = rng.normal(0, luck, 2)
        state = rng.normal(size=2)
        ratios = []
        for number in range(7):
            seconds = [0.0, 0.0]
            order = (0, 1) if number % 2 == 0 else (1, 0)
            for engine in order:
                clock += 0.02
                drift = 2 ** math.sin(clock)
                state[engine] = memory * state[engine] + math.sqrt(1 - memory**2) * rng.normal()
                seconds[engine] = drift * math.exp(lucks[engine] + noise * state[engine])
                if rng.random() < outliers:
                    seconds[engine] *= 1 + rng.exponential(0.5)
            ratios.append(speed * seconds[0] / seconds[1])
        launches.append(ratios)
    return launches


@pytest.mark.parametrize(
    "machine",
    [
        {"luck": 0.0, "noise": 0.02, "memory": 0.0, "outliers": 0.0},
        {"luck": 0.01, "noise": 0.02, "memory": 0.5, "outliers": 0.05},
        {"luck": 0.03, "noise": 0.005, "memory": 0.0, "outliers": 0.0},
        {"luck": 0.01, "noise": 0.1, "memory": 0.8, "outliers": 0.1},
    ],
    ids=["quiet", "usual", "lucky launches", "noisy"],
)
def test_interval_covers_the_true_speedup_as_often_as_it_says(machine: dict[str, float]) -> None:
    rng = np.random.default_rng(7)
    draws = 1000
    covered = 0
    for _ in range(draws):
        found = speedup(_simulated_ratios(rng, speed=2.4, **machine))
        covered += found.low <= 2.4 <= found.high
    # 95 %, give or take three standard errors of 1000 draws on either side.
    assert 0.929 <= covered / draws <= 0.975
