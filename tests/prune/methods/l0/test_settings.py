"""How many steps, at what rate, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune.methods.l0.settings import GateSettings
from trellis.errors import InputError


def test_the_papers_defaults() -> None:
    settings = GateSettings()
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (1.0, 24, 0.1)
    assert not settings.distill


@pytest.mark.parametrize(
    ("epochs", "batch_size", "windows", "steps"),
    [
        (1, 24, 240, 10),
        (1, 24, 241, 11),  # the last batch has one window
        (1, 24, 3, 1),
        (0.01, 24, 240, 1),
        (0.5, 24, 240, 5),
        (2.5, 24, 241, 28),
        (3, 1, 7, 21),
    ],
)
def test_steps(epochs: float, batch_size: int, windows: int, steps: int) -> None:
    assert GateSettings(epochs=epochs, batch_size=batch_size).steps(windows) == steps


@pytest.mark.parametrize(
    ("warmup", "steps", "rates"),
    [
        (0.4, 10, [1 / 4, 2 / 4, 3 / 4, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
        (0.0, 4, [1, 3 / 4, 2 / 4, 1 / 4]),
        (1.0, 4, [1 / 4, 2 / 4, 3 / 4, 1]),
        (0.1, 1, [1]),
    ],
)
def test_the_rate_rises_and_falls(warmup: float, steps: int, rates: list[float]) -> None:
    settings = GateSettings(warmup=warmup, learning_rate=0.3)
    assert [settings.rate(step, steps) for step in range(steps)] == pytest.approx([0.3 * r for r in rates])


@given(st.floats(0, 1), st.integers(1, 300))
def test_each_step_moves_and_none_beyond_the_peak(warmup: float, steps: int) -> None:
    settings = GateSettings(warmup=warmup)
    rates = [settings.rate(step, steps) for step in range(steps)]
    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)
    assert max(rates) == pytest.approx(0.1)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 0.0}, "gates' epochs is 0.0; expected a number above 0"),
        ({"epochs": float("inf")}, "epochs is inf"),
        ({"learning_rate": -0.1}, "learning_rate is -0.1; expected a number above 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"batch_size": 0}, "batch_size is 0; expected a whole number of at least 1"),
        ({"micro_batch_size": 0}, "micro_batch_size is 0; expected a whole number of at least 1"),
        ({"warmup": 1.1}, "warmup is 1.1; expected a fraction from 0 to 1"),
        ({"warmup": float("nan")}, "warmup is nan"),
        ({"initial_log_alpha": float("inf")}, "initial_log_alpha is inf; expected a number"),
        ({"seed": -1}, "seed is -1; expected a whole number of at least 0"),
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GateSettings(**changed)
