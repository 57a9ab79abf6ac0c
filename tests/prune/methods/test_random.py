"""random: seeded, uniform over heads whatever their layer."""

import numpy as np
from support import tiny

from prune.methods.random import random_scores
from prune.plan import plan_fractions
from prune.shape import LayerShape, ModelShape

UNEQUAL = ModelShape((LayerShape(3, 0), LayerShape(0, 5), LayerShape(1, 2)))


def test_one_score_for_each_unit_of_each_layer() -> None:
    scores = random_scores(UNEQUAL)
    assert [len(vector) for vector in scores.heads] == [3, 0, 1]
    assert [len(vector) for vector in scores.intermediate] == [0, 5, 2]


def test_scores_depend_on_the_seed_alone() -> None:
    plans = [
        plan_fractions(random_scores(tiny.WHOLE, seed=seed), heads=0.5, intermediate=0.5)
        for seed in (1, 1, 2)
    ]
    assert plans[0] == plans[1] != plans[2]


def test_every_head_goes_equally_often() -> None:
    shape = ModelShape((LayerShape(4, 0), LayerShape(4, 0)))
    removed = np.zeros(8)
    for seed in range(800):
        plan = plan_fractions(random_scores(shape, seed=seed), heads=0.25, intermediate=0)
        kept = [4 * layer + head for layer, heads in enumerate(plan.heads) for head in heads]
        removed += np.isin(np.arange(8), kept, invert=True)
    assert removed.sum() == 1600
    assert ((removed - 200) ** 2 / 200).sum() < 24.3  # chi-square of 7 degrees of freedom, at 0.999
