"""A Linear fitted anew by least squares: other inputs than it had, and what it should give there."""

import torch
from torch import Tensor, nn

from prune.methods.reconstruction.moments import Moments
from prune.methods.reconstruction.obs import DAMPING, ridged, solved


def refitted(
    weight: Tensor, bias: Tensor, moments: Moments, *, damping: float = DAMPING
) -> tuple[Tensor, Tensor]:
    """Weights and bias that bring the inputs nearest to the targets, held by a ridge to the weights that came.

    [out, in] and [out], float64: W minimises Σ|y − W z − b|² + λ|W − weight|², λ as for `ridged`; b has no ridge.
    """
    came = weight.detach().double().cpu()
    missing = moments.cross - came @ moments.scatter
    fitted = came + solved(ridged(moments.scatter, damping), missing.T).T
    return fitted, moments.target_mean - fitted @ moments.mean


@torch.no_grad()
def set_weights(linear: nn.Linear, weight: Tensor, bias: Tensor) -> None:
    """Give `linear` these weights, in place, in its own precision and where it lies."""
    linear.weight.copy_(weight)
    linear.bias.copy_(bias)
