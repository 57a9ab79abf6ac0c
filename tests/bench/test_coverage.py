"""How often the interval holds the true speed-up, the rule that ends the measurement included: simulated."""

import numpy as np
import pytest
from support.simulated import Machine

RUNS = 2000
TRUE = 1.7


@pytest.mark.slow
@pytest.mark.parametrize(
    "machine",
    [
        Machine(luck=0.0),
        Machine(),
        Machine(memory=0.5, outliers=0.05),
        Machine(luck=0.03, noise=0.005),
        Machine(noise=0.1, memory=0.8, outliers=0.1),
        Machine(pace=0.5),
    ],
    ids=["no luck", "usual", "outliers", "lucky launches", "noisy", "fast drift"],
)
@pytest.mark.parametrize(("goal", "most"), [(0.02, 20), (0.002, 8)], ids=["goal reached", "time is up"])
def test_interval_covers_the_true_speedup_as_often_as_it_says(
    machine: Machine, goal: float, most: int
) -> None:
    rng = np.random.default_rng(11)
    found = [machine.measured(rng, TRUE, goal=goal, most=most) for _ in range(RUNS)]
    covered = sum(one.low <= TRUE <= one.high for one in found) / RUNS
    print(
        f"{machine}, goal {goal:.1%}: {covered:.1%} covered, {np.mean([one.launches for one in found]):.1f} launches"
    )
    assert 0.93 <= covered <= 0.97
    widths = np.array([one.half_width for one in found if one.launches < most])
    assert (widths <= goal + 1e-12).all()


@pytest.mark.slow
def test_stopping_when_the_interval_looks_narrow_would_be_wrong() -> None:
    """Why the number of launches is decided once: looking after each launch covers less often than it says."""
    from bench.measure.statistics import speedup

    rng, machine, covered = np.random.default_rng(11), Machine(), 0
    for _ in range(RUNS):
        launches = [machine.launch(rng, TRUE, number, 6) for number in range(3)]
        while speedup(launches).half_width > 0.02 and len(launches) < 20:
            launches.append(machine.launch(rng, TRUE, len(launches), 6))
        found = speedup(launches)
        covered += found.low <= TRUE <= found.high
    assert covered / RUNS < 0.93


@pytest.mark.slow
def test_three_percent_is_found_and_half_a_percent_called_undecided() -> None:
    rng, machine = np.random.default_rng(11), Machine()
    verdicts = {
        true: [machine.measured(rng, true, goal=0.02, most=20).verdict for _ in range(RUNS // 2)]
        for true in (1.0, 1 / 1.005, 1 / 1.03)
    }
    assert verdicts[1 / 1.03].count("slower") / len(verdicts[1 / 1.03]) > 0.85
    assert verdicts[1 / 1.005].count("undecided") / len(verdicts[1 / 1.005]) > 0.85
    assert 0.93 <= verdicts[1.0].count("undecided") / len(verdicts[1.0]) <= 0.97
