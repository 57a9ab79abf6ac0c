"""The programme against enumeration."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny

from prune.cost import multiply_adds
from prune.families.layers import encoder_and_original
from prune.methods.reconstruction.allocation import MOST_CELLS, allocated, level_costs
from prune.methods.reconstruction.sublayers import shape_with, sublayers_of
from prune.shape import ModelShape
from trellis.errors import InputError

some = settings(max_examples=80, deadline=None)
levels = st.integers(1, 4)


def totals(prices: list[np.ndarray], costs: list[np.ndarray]) -> list[tuple[float, float]]:
    """(price, cost) of every choice."""
    return [
        (
            sum(price[level] for price, level in zip(prices, choice, strict=True)),
            sum(cost[level] for cost, level in zip(costs, choice, strict=True)),
        )
        for choice in product(*(range(len(each)) for each in costs))
    ]


@st.composite
def programmes(
    draw: st.DrawFn, cost: st.SearchStrategy[float]
) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """Prices and costs of up to four sublayers, and a budget that a share of the costs makes."""
    sizes = draw(st.lists(levels, min_size=1, max_size=4))
    prices = [
        np.array(draw(st.lists(st.floats(0, 10), min_size=size, max_size=size)), np.float64) for size in sizes
    ]
    costs = [np.array(draw(st.lists(cost, min_size=size, max_size=size)), np.float64) for size in sizes]
    share = draw(st.floats(0, 1.2))
    return prices, costs, share * sum(float(each.max()) for each in costs)


@some
@given(programmes(st.integers(0, 60).map(float)))
def test_it_equals_enumeration(programme: tuple[list[np.ndarray], list[np.ndarray], float]) -> None:
    prices, costs, budget = programme
    possible = [price for price, cost in totals(prices, costs) if cost <= budget]
    if not possible:
        with pytest.raises(InputError, match="all sublayers can cost"):
            allocated(prices, costs, budget)
        return
    chosen = allocated(prices, costs, budget)
    assert sum(cost[level] for cost, level in zip(costs, chosen, strict=True)) <= budget
    price = sum(each[level] for each, level in zip(prices, chosen, strict=True))
    assert price == pytest.approx(min(possible), abs=1e-12)


@some
@given(programmes(st.floats(1e-3, 10)))
def test_rounded_costs_keep_the_budget_and_cost_next_to_nothing(
    programme: tuple[list[np.ndarray], list[np.ndarray], float],
) -> None:
    prices, costs, budget = programme
    choices = totals(prices, costs)
    rounding = len(costs) / MOST_CELLS * (1 + 1e-9)
    easily = [price for price, cost in choices if cost <= budget * (1 - rounding)]
    if not easily:
        return
    chosen = allocated(prices, costs, budget)
    assert sum(cost[level] for cost, level in zip(costs, chosen, strict=True)) <= budget
    price = sum(each[level] for each, level in zip(prices, chosen, strict=True))
    assert price <= min(easily) + 1e-12


@some
@given(programmes(st.integers(-20, 20).map(float)))
def test_what_costs_less_than_nothing_earns_no_budget(
    programme: tuple[list[np.ndarray], list[np.ndarray], float],
) -> None:
    prices, costs, budget = programme
    floored = [np.maximum(each, 0) for each in costs]
    if sum(each.min() for each in floored) <= budget:
        assert allocated(prices, costs, budget) == allocated(prices, floored, budget)


def test_a_budget_below_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="can cost together is 0, and the budget leaves them -1"):
        allocated([np.zeros(1)], [np.zeros(1)], -1.0)


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_costs_of_the_levels_add_up_to_the_cost_of_the_shape(model_type: str) -> None:
    model = tiny.model(model_type)
    encoder, _ = encoder_and_original(model)

    def cost(shape: ModelShape) -> float:
        return multiply_adds(encoder, shape, batch=1, seq=16)

    sublayers = sublayers_of(model)
    every = [tuple(range(sublayer.units + 1)) for sublayer in sublayers]
    least, costs = level_costs(cost, sublayers, every)
    generator = np.random.default_rng(0)
    for _ in range(20):
        counts = [int(generator.integers(0, sublayer.units + 1)) for sublayer in sublayers]
        total = least + sum(each[count] for each, count in zip(costs, counts, strict=True))
        assert total == cost(shape_with(sublayers, counts))
