"""From what is known of a model to a cut of it that keeps a budget."""

from transformers import PreTrainedModel

from prune.cut import shrink
from prune.families.layers import shape_of
from prune.methods.reconstruction.allocation import allocated, level_costs
from prune.methods.reconstruction.calibrated import Calibrated
from prune.methods.reconstruction.obs import repaired
from prune.methods.reconstruction.refit import set_weights
from prune.methods.reconstruction.sublayers import plan_of, sublayers_of
from prune.methods.target import Budget
from prune.plan import Plan
from trellis.errors import InputError


def choose(calibrated: Calibrated, budget: Budget) -> tuple[Plan, float]:
    """(the plan of the least total price within `budget`, that price).

    Raises InputError where a model with no heads and no activations at all would cost more.
    """
    sublayers, levels = sublayers_of(calibrated.model), calibrated.levels
    least, costs = level_costs(budget.cost, sublayers, levels)
    if least > budget.most:
        whole = budget.cost(shape_of(calibrated.model))
        raise InputError(
            f"The model is to cost at most {budget.most:g}, and it costs {least:g} without any heads and activations; "
            f"of the {whole:g} that it costs now that is {whole / least:.3g} times less: ask for no more."
        )
    chosen = allocated(calibrated.prices, costs, budget.most - least)
    kept = [
        removal.kept(each[level])
        for removal, each, level in zip(calibrated.removals, levels, chosen, strict=True)
    ]
    price = sum(float(each[level]) for each, level in zip(calibrated.prices, chosen, strict=True))
    return plan_of(sublayers, kept), price


def one_shot(calibrated: Calibrated, plan: Plan) -> PreTrainedModel:
    """The model cut by `plan`; each reader that lost columns is repaired by itself, as if all else were whole."""
    cut = shrink(calibrated.model, plan)
    pairs = zip(sublayers_of(calibrated.model), sublayers_of(cut), calibrated.moments, strict=True)
    for wide, narrow, moments in pairs:
        if narrow.units < wide.units:
            weight, bias = repaired(
                wide.reader.weight,
                wide.reader.bias,
                moments,
                wide.columns(wide.kept(plan)),
                damping=calibrated.settings.damping,
            )
            set_weights(narrow.reader, weight, bias)
    return cut
