"""random: every unit is worth the same chance of going. The naive baseline of the paper."""

import numpy as np

from prune.plan import Scores
from prune.shape import ModelShape


def random_scores(shape: ModelShape, *, seed: int = 0) -> Scores:
    """Independent uniform scores, so that any fraction removed is a uniformly random subset."""
    generator = np.random.default_rng(seed)
    return Scores(
        tuple(generator.random(layer.num_heads) for layer in shape.layers),
        tuple(generator.random(layer.intermediate_size) for layer in shape.layers),
    )
