"""The hard-concrete distribution of a gate (Louizos et al. 2018): on [0, 1], with some chance of exactly 0.

A uniform number u is turned into a gate by way of log α, the one trained number of the gate:
sigmoid((logit(u) + log α) / TEMPERATURE), stretched from (0, 1) to (LOW, HIGH) and cut to [0, 1].
"""

import math

import torch
from torch import Tensor

TEMPERATURE = 2 / 3
"""β: the smaller, the more of the gates drawn are exactly 0 or 1. The paper states none; this is the usual one."""

LOW, HIGH = -0.1, 1.1
"""γ and ζ: how far the distribution is stretched beyond 0 and 1. The usual values again."""

_SHIFT = TEMPERATURE * math.log(-LOW / HIGH)


def sample(log_alpha: Tensor, uniform: Tensor) -> Tensor:
    """Gates in [0, 1], shaped as `log_alpha`; `uniform` holds as many numbers of (0, 1). Differentiable."""
    concrete = torch.sigmoid((torch.logit(uniform) + log_alpha) / TEMPERATURE)
    return (concrete * (HIGH - LOW) + LOW).clamp(0, 1)


def probability_open(log_alpha: Tensor) -> Tensor:
    """Chance that a gate is not exactly 0: sigmoid(log α − β · log(−γ/ζ)). Its sum is what λ multiplies."""
    return torch.sigmoid(log_alpha - _SHIFT)


THRESHOLD = _SHIFT
"""The log α at which a gate is as likely open as closed; gates above it are kept."""
