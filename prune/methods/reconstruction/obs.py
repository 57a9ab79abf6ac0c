"""Optimal Brain Surgeon for units: which go first, if what stays is refitted each time (Hassibi and Stork 1993).

A Linear reads inputs z through weights V. Units removed, the weights left are those that come nearest to V z over the
calibration text, with a ridge that holds them to what they were: the error of a set M is tr(V_M (P_MM)⁻¹ V_Mᵀ), where P
is the inverse of the ridged scatter. All is float64.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prune.methods.reconstruction.moments import Moments
from prune.methods.reconstruction.sublayers import columns_of

DAMPING = 1e-2
"""Ridge, as a share of the mean variance of the inputs: a tenth or ten times of it makes no difference."""

BATCH, CANDIDATES = 16, 64
"""Units that go at once, chosen one by one among the best so many; each time after the whole inverse is updated."""


@dataclass(frozen=True, eq=False)
class Removal:
    """The order in which the units of a sublayer go."""

    order: tuple[int, ...]
    """All units, the first to go first."""
    errors: NDArray[np.float64]
    """[units + 1]: squared error of what the weights give, summed over the tokens, after so many are gone."""

    def kept(self, count: int) -> tuple[int, ...]:
        """The `count` units that go last, ascending."""
        return tuple(sorted(self.order[len(self.order) - count :]))

    def error(self, count: int) -> float:
        """Where `count` units are left."""
        return float(self.errors[len(self.order) - count])


def removal_order(
    weight: Tensor,
    scatter: Tensor,
    width: int,
    *,
    damping: float = DAMPING,
    batch: int = BATCH,
    candidates: int = CANDIDATES,
) -> Removal:
    """Remove all units one after another, each time the one whose removal costs least.

    Args: weight [out, units * width], of the reader, perhaps in other coordinates of its output, see `weighed`;
    scatter [units * width, units * width], of its inputs; width, columns of a unit; damping, see DAMPING; batch and
    candidates, see BATCH: with `candidates` no fewer than the units every removal is the cheapest there is.
    """
    rest = torch.arange(scatter.shape[0] // width)
    order: list[int] = []
    steps: list[float] = []
    v = weight.detach().double().cpu()
    p = inverse(ridged(scatter, damping))
    while len(rest):
        lowest = _costs(v, p, width).argsort(stable=True)[:candidates].sort().values
        near = columns_of(lowest.tolist(), width)
        chosen, costs = _cheapest(v[:, near], p[near][:, near], width, min(batch, len(rest)))
        gone = lowest[chosen]
        order += rest[gone].tolist()
        steps += costs
        stays = torch.ones(len(rest), dtype=torch.bool)
        stays[gone] = False
        v, p = _without(
            v, p, columns_of(gone.tolist(), width), columns_of(stays.nonzero()[:, 0].tolist(), width)
        )
        rest = rest[stays]
    return Removal(tuple(order), np.concatenate([[0.0], np.cumsum(steps)]))


def repaired(
    weight: Tensor, bias: Tensor, moments: Moments, kept: Tensor, *, damping: float = DAMPING
) -> tuple[Tensor, Tensor]:
    """Weights of the columns `kept`, [out, kept], and a bias that come nearest to the whole reader's output."""
    v, mean = weight.detach().double().cpu(), moments.mean
    is_kept = torch.zeros(len(mean), dtype=torch.bool)
    is_kept[kept] = True
    gone = (~is_kept).nonzero()[:, 0]
    left = (
        v[:, kept]
        + v[:, gone]
        @ solved(ridged(moments.scatter, damping)[kept][:, kept], moments.scatter[kept][:, gone]).T
    )
    return left, bias.detach().double().cpu() + v @ mean - left @ mean[kept]


def ridged(scatter: Tensor, damping: float) -> Tensor:
    """`scatter` with `damping` times its mean diagonal added to the diagonal; the identity where it is all zero."""
    size = len(scatter)
    mean = float(scatter.trace()) / max(1, size)
    return scatter + torch.eye(size, dtype=scatter.dtype) * (damping * mean if mean > 0 else 1.0)


def inverse(matrix: Tensor) -> Tensor:
    """Of a positive definite matrix."""
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix)) if len(matrix) else matrix


def solved(matrix: Tensor, right: Tensor) -> Tensor:
    """matrix⁻¹ right, for a positive definite matrix."""
    return torch.cholesky_solve(right, torch.linalg.cholesky(matrix)) if right.numel() else right


def _costs(v: Tensor, p: Tensor, width: int) -> Tensor:
    """[units]: what removing each one alone costs."""
    units = len(p) // width
    blocks = p.view(units, width, units, width).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    if width == 1:
        return v.square().sum(0) / blocks[:, 0, 0]
    columns = v.view(-1, units, width)
    products = torch.einsum("ouv,ouw->uvw", columns, columns)
    costs: Tensor = torch.linalg.solve(blocks, products).diagonal(dim1=1, dim2=2).sum(1)
    return costs


def _cheapest(v: Tensor, p: Tensor, width: int, count: int) -> tuple[list[int], list[float]]:
    """(`count` units, each the cheapest after those before it; what each one cost)."""
    left = list(range(len(p) // width))
    chosen: list[int] = []
    costs: list[float] = []
    while left and len(chosen) < count:
        each = _costs(v, p, width)
        best = int(each.argmin())
        chosen.append(left.pop(best))
        costs.append(float(each[best]))
        others = [unit for unit in range(len(each)) if unit != best]
        v, p = _without(v, p, columns_of([best], width), columns_of(others, width))
    return chosen, costs


def _without(v: Tensor, p: Tensor, gone: Tensor, stays: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and inverse of the columns that stay, after those that are gone were made up for."""
    across = p[gone][:, stays]
    share = torch.linalg.solve(p[gone][:, gone], across)
    return v[:, stays] - v[:, gone] @ share, p[stays][:, stays] - across.T @ share
