"""The kinds of encoder layers that graphs can have: one file for each, and one line here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.graph.blocks.block import GraphBlock
from export.graph.blocks.post_norm import POST_NORM
from export.graph.precision.bounds import Bounds
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from trellis.errors import InputError

BLOCKS: dict[str, GraphBlock] = {block.name: block for block in (POST_NORM,)}


def block_of(encoder: Encoder) -> GraphBlock:
    """What the layers of `encoder` are."""
    return BLOCKS[encoder.family.block.name]


def bounds_of(encoder: Encoder, shape: ModelShape, weights: Mapping[str, NDArray[Any]]) -> Bounds:
    """How large the numbers in the graph can become; `weights` as in prune.families.tensors.

    Raises InputError for weights that are not finite.
    """
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise InputError(
                f"The weight {name} holds numbers that are not finite: the training of this model diverged, or its "
                "file is damaged; give another."
            )
    return block_of(encoder).bounds(encoder, shape, weights)
