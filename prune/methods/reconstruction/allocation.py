"""How many units stay where: the programme over all sublayers that pays least in loss for a budget."""

from collections.abc import Sequence

import numpy as np

from prune.methods.reconstruction.pricing import Floats
from prune.methods.reconstruction.sublayers import Sublayer, shape_with
from prune.methods.target import Cost
from trellis.errors import InputError

MOST_CELLS = 20_000
"""Into so many parts a budget is divided at most; costs are rounded up to whole ones, so that it always holds."""


def level_costs(
    cost: Cost, sublayers: Sequence[Sublayer], levels: Sequence[Sequence[int]]
) -> tuple[float, list[Floats]]:
    """(cost of the model with no units at all, for each sublayer [levels]: what each of its levels adds)."""
    counts = [0] * len(sublayers)
    least = cost(shape_with(sublayers, counts))
    return least, [
        np.array(
            [
                cost(shape_with(sublayers, [*counts[:index], level, *counts[index + 1 :]])) - least
                for level in each
            ]
        )
        for index, each in enumerate(levels)
    ]


def allocated(prices: Sequence[Floats], costs: Sequence[Floats], budget: float) -> list[int]:
    """For each sublayer the level to take: the least sum of prices among those whose costs are within `budget`.

    Exact where costs are whole numbers whose greatest common divisor is in the budget at most MOST_CELLS times; else
    costs are rounded up to a MOST_CELLS-th of it. What is measured to cost less than nothing counts as nothing, so that
    noise earns no budget. Raises InputError where even the cheapest levels cost more.
    """
    costs = [np.maximum(each, 0.0) for each in costs]
    least = sum(float(each.min()) for each in costs)
    unit, cells = _grid(costs, max(0.0, budget))
    whole = [np.ceil(each / unit).astype(np.int64) for each in costs]
    if least > budget or sum(int(each.min()) for each in whole) > cells:
        raise InputError(
            f"The least that all sublayers can cost together is {least:g}, and the budget "
            f"leaves them {budget:g}; set a larger one."
        )
    best = np.zeros(cells + 1)
    """[cells + 1]: the least price of the sublayers so far for at most so much."""
    taken = []
    for price, size in zip(prices, whole, strict=True):
        table = np.full((len(price), cells + 1), np.inf)
        for level, each in enumerate(size.tolist()):
            if each <= cells:
                table[level, each:] = best[: cells + 1 - each] + price[level]
        taken.append(table.argmin(0).astype(np.int32))
        best = table.min(0)
    left, chosen = cells, []
    for size, choice in zip(whole[::-1], taken[::-1], strict=True):
        chosen.append(int(choice[left]))
        left -= int(size[chosen[-1]])
    return chosen[::-1]


def _grid(costs: Sequence[Floats], budget: float) -> tuple[float, int]:
    """(what one cell stands for, cells that the budget has)."""
    values = np.concatenate(costs)
    if not budget or not (values > 0).any():
        return 1.0, 0
    if (values == np.rint(values)).all():
        unit = int(np.gcd.reduce(values.astype(np.int64)))
        if budget // unit <= MOST_CELLS:
            return float(unit), int(budget // unit)
    return budget / MOST_CELLS * (1 - 1e-12), MOST_CELLS
