"""What each level of each sublayer costs in the task's own loss: a few measured, the others read off between them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.moments import Moments
from prune.methods.reconstruction.obs import Removal, repaired
from prune.methods.reconstruction.refit import set_weights
from prune.methods.reconstruction.streams import Stream
from prune.methods.reconstruction.sublayers import Sublayer, sublayers_of

Floats = NDArray[np.float64]

SHARES = (0.75, 0.5, 0.25, 0.0)
"""Of a sublayer's units, what is left at the levels that are measured."""


def levels_of(sublayer: Sublayer, multiple_of: int) -> tuple[int, ...]:
    """How many units may be left, ascending: any number of heads, of activations a multiple, or all there are."""
    step = multiple_of if sublayer.side == "activations" else 1
    return tuple(sorted({*range(0, sublayer.units, step), sublayer.units}))


def measured_levels(levels: Sequence[int], shares: Sequence[float] = SHARES) -> list[int]:
    """Those of `levels`, without the highest, that are nearest to `shares` of it, descending, each once."""
    lower = np.array(levels[:-1])
    if not len(lower):
        return []
    return sorted({int(lower[np.abs(lower - share * levels[-1]).argmin()]) for share in shares}, reverse=True)


def prices_of(removal: Removal, levels: Sequence[int], measured: Mapping[int, float]) -> Floats:
    """[levels]: divergence of a model that is cut to that level in one sublayer alone.

    `measured` has it for some of the levels. Between them it goes along the sublayer's own squared error, in a straight
    line from 0 where nothing is removed; fewer units never have a lower price.
    """
    known = sorted((removal.error(level), price) for level, price in measured.items())
    errors = [0.0, *(error for error, _ in known)]
    prices = np.maximum.accumulate([0.0, *(price for _, price in known)])
    read = np.interp([removal.error(level) for level in levels], errors, prices)
    read[-1] = 0.0  # all units left
    return np.maximum.accumulate(read[::-1])[::-1]


def measured_prices(
    model: PreTrainedModel,
    removals: Sequence[Removal],
    moments: Sequence[Moments],
    levels: Sequence[Sequence[int]],
    reference: Reference,
    damping: float,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[int, float]]:
    """Of each sublayer, level → divergence with that sublayer alone cut to it, the rest of its weights repaired.

    `model` is as it was afterwards. `progress` gets (levels done, levels in all).
    """
    wanted = [measured_levels(each) for each in levels]
    total, done = sum(map(len, wanted)), 0
    found: list[dict[int, float]] = []
    stream = Stream(model, reference.batches)
    for sublayer, removal, of, counts in zip(sublayers_of(model), removals, moments, wanted, strict=True):
        while stream.index < sublayer.layer:
            stream.advance()
        reader = sublayer.reader
        weight, bias = reader.weight.detach().clone(), reader.bias.detach().clone()
        found.append({})
        try:
            for count in counts:
                kept = sublayer.columns(removal.kept(count))
                left, with_bias = repaired(weight, bias, of, kept, damping=damping)
                wide = torch.zeros(weight.shape, dtype=left.dtype)
                wide[:, kept] = left
                set_weights(reader, wide, with_bias)
                found[-1][count] = reference.divergence_behind(stream)
                done += 1
                if progress:
                    progress(done, total)
        finally:
            set_weights(reader, weight, bias)
    return found
