"""Moments against numpy on all tokens at once."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prune.methods.reconstruction.moments import Moments, MomentSums


def moments_of(inputs: torch.Tensor, targets: torch.Tensor | None, ends: list[int]) -> Moments:
    """Counted in pieces that end there."""
    sums = MomentSums()
    for begin, end in zip([0, *ends], [*ends, len(inputs)], strict=True):
        sums.add(inputs[begin:end], None if targets is None else targets[begin:end])
    return sums.moments()


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(0, 4),
    st.integers(0, 3),
    st.lists(st.integers(0, 30), max_size=4).map(sorted),
    st.integers(0, 2**32 - 1),
)
def test_pieces_add_up_to_the_moments_of_the_whole(
    tokens: int, size: int, outs: int, ends: list[int], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    z, y = (generator.normal(5, 2, (tokens, width)) for width in (size, outs))
    found = moments_of(torch.from_numpy(z), torch.from_numpy(y), [min(end, tokens) for end in ends])
    assert found.count == tokens
    centred, centred_y = z - z.mean(0), y - y.mean(0)
    for ours, theirs in (
        (found.mean, z.mean(0)),
        (found.target_mean, y.mean(0)),
        (found.scatter, centred.T @ centred),
        (found.cross, centred_y.T @ centred),
    ):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9, atol=1e-9)


def test_float32_far_from_zero_loses_no_digits() -> None:
    generator = np.random.default_rng(0)
    z = (generator.normal(0, 1, (4000, 3)) + 1e4).astype(np.float32)
    found = moments_of(torch.from_numpy(z), None, [1000, 2000, 3000])
    exact = z.astype(np.float64) - z.astype(np.float64).mean(0)
    np.testing.assert_allclose(found.scatter.numpy(), exact.T @ exact, rtol=1e-4, atol=0.5)
    np.testing.assert_allclose(found.mean.numpy(), z.astype(np.float64).mean(0), rtol=1e-9)
    assert found.scatter.dtype == torch.float64
