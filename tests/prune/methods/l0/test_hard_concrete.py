"""The distribution against numerical integration, its samples against binomial bounds."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad

from prune.methods.l0.hard_concrete import HIGH, LOW, TEMPERATURE, THRESHOLD, probability_open, sample

LOG_ALPHAS = [-6.0, -3.3, THRESHOLD, -1.0, 0.0, 0.4, 1.5, 3.0, 6.0]
SHUT, FULL = -LOW / (HIGH - LOW), (1 - LOW) / (HIGH - LOW)
"""Between which values of the unstretched variable a gate is neither 0 nor 1."""


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def density(s: float, rest: float, log_alpha: float) -> float:
    """Of the unstretched (binary concrete) variable, after Maddison et al. (2017); `rest` is 1 − s."""
    alpha, beta = math.exp(log_alpha), TEMPERATURE
    bottom = alpha * s**-beta + rest**-beta
    return beta * alpha * (s * rest) ** (-beta - 1) / bottom**2


def chance(begin: float, end: float, log_alpha: float) -> float:
    """Of the unstretched variable to lie in between; over its logit, where the density is tame."""

    def over_logit(x: float) -> float:
        s, rest = 1 / (1 + math.exp(-x)), 1 / (1 + math.exp(x))
        return density(s, rest, log_alpha) * s * rest

    limits = [math.log(s / (1 - s)) if 0 < s < 1 else 90 * (2 * s - 1) for s in (begin, end)]
    middle = min(max(log_alpha / TEMPERATURE, limits[0]), limits[1])
    halves = ((limits[0], middle), (middle, limits[1]))
    return float(sum(quad(over_logit, *ends, epsabs=1e-12, limit=200)[0] for ends in halves))


@pytest.mark.parametrize("log_alpha", LOG_ALPHAS)
def test_the_chance_to_be_open_is_the_integral_of_the_density(log_alpha: float) -> None:
    assert chance(0, 1, log_alpha) == pytest.approx(1, abs=1e-8)
    closed_form = probability_open(double(log_alpha)).item()
    assert closed_form == pytest.approx(chance(SHUT, 1, log_alpha), abs=1e-8)


def drawn(log_alpha: float, u: float) -> float:
    return sample(double(log_alpha), double(u)).item()


@pytest.mark.parametrize("log_alpha", LOG_ALPHAS)
def test_the_expected_gate_is_the_integral_over_the_density(log_alpha: float) -> None:
    """One integral over the numbers that gates are drawn from, one over the distribution they shall have."""
    kinks = [1 / (1 + math.exp(log_alpha - TEMPERATURE * math.log(s / (1 - s)))) for s in (SHUT, FULL)]
    from_samples = quad(lambda u: drawn(log_alpha, u), *kinks, epsabs=1e-12)[0] + (1 - kinks[1])

    def weighted(s: float) -> float:
        return (s * (HIGH - LOW) + LOW) * density(s, 1 - s, log_alpha)

    expected = quad(weighted, SHUT, FULL, epsabs=1e-12)[0] + chance(FULL, 1, log_alpha)
    assert from_samples == pytest.approx(expected, abs=1e-8)
    assert [drawn(log_alpha, kinks[0] * 0.999), drawn(log_alpha, 1 - (1 - kinks[1]) * 0.999)] == [0, 1]


@pytest.mark.parametrize("log_alpha", LOG_ALPHAS)
def test_exact_zeros_and_ones_come_as_often_as_they_should(log_alpha: float) -> None:
    count = 200_000
    uniform = torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gates = sample(torch.full((count,), log_alpha, dtype=torch.float64), uniform)
    assert gates.min() >= 0
    assert gates.max() <= 1
    for value, probability in (
        (0, 1 - probability_open(double(log_alpha)).item()),
        (1, chance(FULL, 1, log_alpha)),
    ):
        low, high = stats.binom.interval(1 - 1e-6, count, probability)
        assert low <= int((gates == value).sum()) <= high


def test_gates_grow_with_both_numbers() -> None:
    uniform = torch.linspace(1e-6, 1 - 1e-6, 401, dtype=torch.float64)
    log_alpha = torch.linspace(-6, 6, 241, dtype=torch.float64)
    gates = sample(log_alpha[:, None].expand(-1, 401), uniform.expand(241, -1))
    for axis in (0, 1):
        steps = gates.diff(dim=axis)
        inside = (gates.narrow(axis, 1, steps.shape[axis]) < 1) & (
            gates.narrow(axis, 0, steps.shape[axis]) > 0
        )
        assert (steps >= 0).all()
        assert (steps[inside] > 0).all()


def test_the_gradient_is_that_of_the_sample() -> None:
    generator = torch.Generator().manual_seed(1)
    log_alpha = torch.empty(4000, dtype=torch.float64).uniform_(-4, 4, generator=generator)
    uniform = torch.rand(4000, generator=generator, dtype=torch.float64)
    gates = sample(log_alpha, uniform)
    inside, cut = (gates > 1e-3) & (gates < 1 - 1e-3), (gates == 0) | (gates == 1)
    assert 200 < int(inside.sum()) < 3000
    chosen = log_alpha[inside][:200].requires_grad_()
    assert torch.autograd.gradcheck(lambda values: sample(values, uniform[inside][:200]), [chosen], atol=1e-8)
    beyond = log_alpha[cut].requires_grad_()
    sample(beyond, uniform[cut]).sum().backward()
    assert beyond.grad is not None
    assert (beyond.grad == 0).all()


def test_the_threshold_is_where_open_and_closed_are_as_likely() -> None:
    assert probability_open(double(THRESHOLD)).item() == pytest.approx(0.5, abs=1e-15)
    assert double(-math.log(11) * 2 / 3).item() == pytest.approx(THRESHOLD, abs=1e-15)
    above, below = probability_open(double(THRESHOLD + 1e-6, THRESHOLD - 1e-6)).tolist()
    assert below < 0.5 < above


def test_the_chances_slope_is_p_times_one_minus_p() -> None:
    log_alpha = double(*LOG_ALPHAS).requires_grad_()
    open_ = probability_open(log_alpha)
    open_.sum().backward()
    assert log_alpha.grad is not None
    np.testing.assert_allclose(log_alpha.grad, (open_ * (1 - open_)).detach(), atol=1e-16)
