"""λ as the paper has it, and λ steered: what it follows and where it leads."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from prune.methods.l0.hard_concrete import probability_open
from prune.methods.l0.penalty import Penalty, paper_weight
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import GateState, Record
from prune.plan import Kind
from trellis.errors import InputError

STEPS = 400


@pytest.mark.parametrize(
    ("kind", "num_gates", "weight"),
    [
        ("heads", 12 * 12, 5e-3),
        ("intermediate", 12 * 3072, 2e-5),
        ("heads", 24 * 16, 1.875e-3),
        ("intermediate", 24 * 4096, 7.5e-6),
    ],
)
def test_the_papers_weights_for_base_and_large(kind: Kind, num_gates: int, weight: float) -> None:
    assert paper_weight(kind, num_gates, 1) == pytest.approx(weight, rel=5e-4)
    for multiple in (0, 2, 3, 4):
        assert paper_weight(kind, num_gates, multiple) == pytest.approx(multiple * weight, rel=5e-4)


def test_where_there_are_no_gates_there_is_a_weight_all_the_same() -> None:
    assert math.isfinite(paper_weight("heads", 0, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1e-9,), "λ is -1e-09; expected a finite number of at least 0"),
        ((math.nan,), "λ is nan"),
        ((math.inf,), "λ is inf"),
        ((1.0, 0.0), "fraction to remove is 0.0; expected a number between 0 and 1, both excluded"),
        ((1.0, 1.0), "fraction to remove is 1.0"),
        ((1.0, math.nan), "fraction to remove is nan"),
        ((0.0, 0.5), "λ is 0, from which no steering leads away"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Penalty(*arguments)


def test_a_weight_given_outright_stays() -> None:
    penalty = Penalty(0.3)
    for step, removed in enumerate((0.0, 0.9, 0.5)):
        assert penalty.weight_at(removed, step, 3) == 0.3
        assert penalty.steered(removed, step, 3) == penalty


def test_steering_starts_where_it_is_told_to() -> None:
    """At a removed fraction that is the one wanted 20 steps ahead, nothing is to be corrected."""
    penalty = Penalty(0.3, target=0.5)
    wanted = 0.5 * 20 / (0.6 * STEPS)
    assert penalty.weight_at(wanted, 0, STEPS) == 0.3
    assert penalty.weight_at(wanted - 0.01, 0, STEPS) == pytest.approx(0.3 * math.exp(0.3))
    assert penalty.weight_at(wanted + 0.01, 0, STEPS) == pytest.approx(0.3 * math.exp(-0.3))


def test_too_much_closed_lowers_the_weight_ever_more() -> None:
    penalty, weights = Penalty(0.3, target=0.5), []
    for step in range(300, STEPS):
        weights.append(penalty.weight_at(0.6, step, STEPS))
        penalty = penalty.steered(0.6, step, STEPS)
    assert weights[0] == pytest.approx(0.3 * math.exp(-3))
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] < 0.1 * weights[0]
    assert penalty.weight_at(0.4, STEPS, STEPS) > weights[-1]


def test_what_is_on_its_way_is_counted_in() -> None:
    """0.05 to go, 0.01 closed in each step: in 20 steps it would be too much."""
    still, moving = (Penalty(0.3, target=0.5, last_removed=last) for last in (0.45, 0.44))
    assert moving.weight_at(0.45, 390, STEPS) < 0.3 < still.weight_at(0.45, 390, STEPS)


@pytest.mark.parametrize("removed", [0.0, 1.0])
def test_the_weight_stays_within_bounds(removed: float) -> None:
    penalty = Penalty(1.0, target=0.5)
    for step in range(10 * STEPS):
        penalty = penalty.steered(removed, step, STEPS)
    weight = penalty.weight_at(removed, STEPS, STEPS)
    assert weight == pytest.approx(1e4 if removed == 0 else 1e-4)
    assert abs(penalty.integral) <= math.log(1e4)


def worth_to_the_task(scale: float, spread: float) -> Callable[[Tensor], Tensor]:
    """A task loss that is linear in the chance of each of 2000 gates to be open: λ above its worth closes it."""
    generator = torch.Generator().manual_seed(0)
    worth = scale * torch.exp(spread * torch.randn(2000, generator=generator, dtype=torch.float64))
    return lambda log_alpha: -(worth * probability_open(log_alpha)).sum()


def steered_run(task: Callable[[Tensor], Tensor], penalty: Penalty, **settings: Any) -> GateState:
    """Gates trained as l0 does it, with that task and no chance."""
    chosen = GateSettings(**settings)
    state = GateState.fresh({"heads": 2000}, {"heads": penalty}, chosen.initial_log_alpha)
    for step in range(STEPS):
        log_alpha = state.log_alpha["heads"].clone().requires_grad_()
        open_ = probability_open(log_alpha)
        removed = 1 - open_.mean().item()
        weight = state.penalties["heads"].weight_at(removed, step, STEPS)
        (task(log_alpha) + weight * open_.sum()).backward()
        assert log_alpha.grad is not None
        record = Record(step + 1, 0.0, {"heads": removed}, {"heads": weight}, chosen.rate(step, STEPS))
        state = state.after({"heads": log_alpha.grad}, record, STEPS)
    return state


@pytest.mark.parametrize("target", [0.1, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize(("scale", "spread"), [(1e-4, 1.0), (1.0, 0.5), (1.0, 3.0)])
def test_the_wanted_fraction_is_reached_from_any_start(target: float, scale: float, spread: float) -> None:
    """λ starts a hundred times too high or too low: its right value is found, and the cheap gates go."""
    task = worth_to_the_task(scale, spread)
    for start in (scale / 100, scale * 100):
        state = steered_run(task, Penalty(start, target=target))
        closed = 1 - probability_open(state.log_alpha["heads"]).mean().item()
        assert closed == pytest.approx(target, abs=0.05)


def test_gates_open_again_where_too_many_were_closed() -> None:
    task = worth_to_the_task(1.0, 1.0)
    state = steered_run(task, Penalty(1.0, target=0.3), initial_log_alpha=-3.0)
    removed = [record.removed["heads"] for record in state.log]
    weights = [record.weight["heads"] for record in state.log]
    assert removed[0] > 0.75
    assert removed[-1] == pytest.approx(0.3, abs=0.05)
    assert min(weights[:50]) < 0.01 < 0.1 < weights[-1]


def test_steering_goes_on_where_it_stood() -> None:
    """All that it has learnt is in its fields."""
    penalty = Penalty(0.3, target=0.5)
    for step in range(30):
        penalty = penalty.steered(0.01 * step, step, STEPS)
    again = replace(Penalty(0.3, target=0.5), integral=penalty.integral, last_removed=0.29)
    assert again == penalty
    assert again.weight_at(0.3, 30, STEPS) == penalty.weight_at(0.3, 30, STEPS)
