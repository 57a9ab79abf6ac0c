"""A Linear fitted anew, against plain least squares."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from prune.methods.reconstruction.moments import MomentSums
from prune.methods.reconstruction.refit import refitted, set_weights


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 4),
    st.integers(1, 4),
    st.integers(2, 30),
    st.sampled_from([1e-1, 1e-3]),
    st.integers(0, 2**32 - 1),
)
def test_it_is_the_ridge_solution_around_the_weights_that_came(
    size: int, outs: int, tokens: int, damping: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    z, y = generator.normal(3, 1, (tokens, size)), generator.normal(-2, 1, (tokens, outs))
    came, bias = generator.normal(size=(outs, size)), generator.normal(size=outs)
    sums = MomentSums()
    sums.add(torch.from_numpy(z), torch.from_numpy(y))
    weight, shift = refitted(torch.from_numpy(came), torch.from_numpy(bias), sums.moments(), damping=damping)
    centred = z - z.mean(0)
    ridge = damping * (centred**2).sum() / max(1, size)
    rows = np.concatenate([centred, np.sqrt(ridge) * np.eye(size)])
    wanted = np.concatenate([y - y.mean(0), np.sqrt(ridge) * came.T])
    directly = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    np.testing.assert_allclose(weight.numpy(), directly.T, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose((z @ weight.numpy().T + shift.numpy()).mean(0), y.mean(0), atol=1e-8)


def test_weights_are_set_in_place_in_the_linears_own_precision() -> None:
    linear = nn.Linear(2, 1)
    weight = linear.weight
    set_weights(linear, torch.tensor([[1.5, 2.5]], dtype=torch.float64), torch.tensor([3.5]).double())
    assert linear.weight is weight
    assert linear.weight.dtype == torch.float32
    assert (linear.weight.tolist(), linear.bias.tolist()) == ([[1.5, 2.5]], [3.5])
