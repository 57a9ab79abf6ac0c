"""First and second moments of what a Linear reads, summed batch by batch: memory does not grow with the tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """Of inputs, and of targets where there are any, over all tokens; all float64, on the CPU."""

    count: int
    """Tokens."""
    mean: Tensor
    """[inputs]"""
    scatter: Tensor
    """[inputs, inputs]: sum over tokens of (z − mean)(z − mean)ᵀ."""
    target_mean: Tensor
    """[targets]"""
    cross: Tensor
    """[targets, inputs]: sum over tokens of (y − target_mean)(z − mean)ᵀ."""


class MomentSums:
    """Sums that become Moments.

    Products are taken in the inputs' own precision, at least float32, and summed in float64. All is counted from the
    first batch's mean, so that inputs far from zero lose no digits.
    """

    def __init__(self) -> None:
        self._count = 0
        self._shifts: tuple[Tensor, Tensor] | None = None

    def add(self, inputs: Tensor, targets: Tensor | None = None) -> None:
        """Count further tokens in: `inputs` [tokens, inputs] and what goes with them, [tokens, targets]."""
        z = _wide(inputs)
        y = z[:, :0] if targets is None else _wide(targets)
        if not len(z):
            return
        if self._shifts is None:
            self._shifts = z.mean(0), y.mean(0)
            self._inputs, self._targets = z.new_zeros(z.shape[1]).double(), y.new_zeros(y.shape[1]).double()
            self._scatter = z.new_zeros(z.shape[1], z.shape[1], dtype=torch.float64)
            self._cross = z.new_zeros(y.shape[1], z.shape[1], dtype=torch.float64)
        z, y = z - self._shifts[0], y - self._shifts[1]
        self._count += len(z)
        self._inputs += z.sum(0, dtype=torch.float64)
        self._targets += y.sum(0, dtype=torch.float64)
        self._scatter += z.T @ z
        self._cross += y.T @ z

    def moments(self) -> Moments:
        """Of all tokens so far, of which there is one at least. The sums are spent: they become the moments."""
        assert self._shifts is not None
        count, inputs, targets = self._count, self._inputs, self._targets
        mean, target_mean = (
            (shift.double() + total / count).cpu()
            for shift, total in zip(self._shifts, (inputs, targets), strict=True)
        )
        self._shifts = None
        scatter = self._scatter.addr_(inputs, inputs, alpha=-1 / count).cpu()
        cross = self._cross.addr_(targets, inputs, alpha=-1 / count).cpu()
        return Moments(count, mean, scatter, target_mean, cross)


def _wide(values: Tensor) -> Tensor:
    return values if values.dtype.itemsize >= 4 else values.float()
