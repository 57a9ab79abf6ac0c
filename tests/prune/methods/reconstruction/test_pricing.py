"""Prices: measured where they were, in line between, never falling."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny, training

from prune.cut import shrink
from prune.methods.reconstruction.calibration import reader_moments
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.inputs import batches_of
from prune.methods.reconstruction.obs import Removal, removal_order, repaired
from prune.methods.reconstruction.pricing import levels_of, measured_levels, measured_prices, prices_of
from prune.methods.reconstruction.refit import set_weights
from prune.methods.reconstruction.sublayers import plan_of, sublayers_of


@pytest.mark.parametrize(
    ("levels", "measured"),
    [
        ((0, 1, 2, 3, 4), [3, 2, 1, 0]),
        (tuple(range(0, 1537, 8)), [1152, 768, 384, 0]),
        ((0, 8, 12), [8, 0]),
        ((0, 1), [0]),
        ((0,), []),
    ],
)
def test_the_levels_that_are_measured(levels: tuple[int, ...], measured: list[int]) -> None:
    assert measured_levels(levels) == measured


def test_levels_are_any_number_of_heads_and_multiples_of_activations() -> None:
    heads, activations = sublayers_of(tiny.model())[:2]
    assert levels_of(heads, 8) == (0, 1, 2, 3, 4)
    assert levels_of(activations, 8) == (0, 8, 12)
    assert levels_of(activations, 1) == tuple(range(13))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=12),
    st.dictionaries(st.integers(0, 11), st.floats(0, 3), max_size=4),
)
def test_prices_never_fall_and_whole_costs_nothing(steps: list[float], drawn: dict[int, float]) -> None:
    units = len(steps)
    removal = Removal(tuple(range(units)), np.concatenate([[0.0], np.cumsum(steps)]))
    measured = {level: price for level, price in drawn.items() if level < units}
    prices = prices_of(removal, range(units + 1), measured)
    assert prices[-1] == 0
    assert (np.diff(prices) <= 0).all()
    assert prices.max() <= max(measured.values(), default=0)


def test_between_measured_levels_prices_go_along_the_error() -> None:
    removal = Removal((0, 1, 2, 3), np.array([0.0, 1.0, 3.0, 4.0, 8.0]))
    prices = prices_of(removal, range(5), {2: 0.6, 0: 1.6})
    np.testing.assert_allclose(prices, [1.6, 0.8, 0.6, 0.2, 0.0])


@pytest.mark.parametrize("model_type", ["bert", "distilbert"])
def test_a_measured_price_is_the_divergence_of_the_model_cut_there_alone(model_type: str) -> None:
    model = tiny.model(model_type).double()
    batches = batches_of(model, training.windows(6), 1)
    moments = reader_moments(model, batches)
    sublayers = sublayers_of(model)
    removals = [
        removal_order(each.reader.weight, of.scatter, each.width)
        for each, of in zip(sublayers, moments, strict=True)
    ]
    levels = [levels_of(each, 6) for each in sublayers]
    reference = Reference.of(model, batches)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    measured = measured_prices(model, removals, moments, levels, reference, 1e-2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for index, sublayer in enumerate(sublayers):
        assert set(measured[index]) == set(measured_levels(levels[index]))
        for count, price in measured[index].items():
            kept = [
                removal.kept(count if place == index else len(removal.order))
                for place, removal in enumerate(removals)
            ]
            cut = shrink(model, plan_of(sublayers, kept))
            columns = sublayer.columns(kept[index])
            weights = repaired(sublayer.reader.weight, sublayer.reader.bias, moments[index], columns)
            set_weights(sublayers_of(cut)[index].reader, *weights)
            assert price == pytest.approx(reference.divergence(cut), rel=1e-6, abs=1e-9)
            assert price > 0
