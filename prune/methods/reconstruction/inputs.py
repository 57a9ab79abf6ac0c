"""Windows of text as the batches that models are calibrated and judged on; their labels play no part."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel

from prune.methods.batches import tensors_of
from prune.tasks.batch import INPUTS
from prune.tasks.question_answering.stored import StoredWindows
from prune.tasks.question_answering.windows import longest_first
from trellis.errors import InputError

Inputs = Mapping[str, Tensor]
"""What a model reads, [batch, longest] each, attention_mask among them."""

BATCH_SIZE = 8
MOST_HELD_OUT = 4
"""Of the texts, one in so many at most serves to price, and another to judge by."""


@dataclass(frozen=True, eq=False)
class Division:
    """Windows of three sets of texts, which share none."""

    calibrate: StoredWindows
    price: StoredWindows
    judge: StoredWindows


def divided(windows: StoredWindows, *, calibrate: int, price: int, judge: int, seed: int) -> Division:
    """Draw so many windows for each use, of as many texts as can be: a text's second window comes after all firsts.

    Fewer where there are not so many. Raises InputError for fewer than four texts.
    """
    generator = np.random.default_rng(seed)
    names = generator.permutation(np.unique(windows.groups))
    if len(names) < MOST_HELD_OUT:
        raise InputError(
            f"There are {len(names)} texts to calibrate on; at least {MOST_HELD_OUT} are needed, so that what prices "
            "and judges a cut is not what it was fitted to."
        )
    most = len(names) // MOST_HELD_OUT
    ends = np.cumsum([min(judge, most), min(price, most)])
    shuffled = generator.permutation(len(windows))
    sets = [
        windows.select(_in_turn(windows.groups, shuffled, chosen)[:count])
        for chosen, count in zip(np.split(names, ends), (judge, price, calibrate), strict=True)
    ]
    return Division(judge=sets[0], price=sets[1], calibrate=sets[2])


def batches_of(
    model: PreTrainedModel, windows: StoredWindows, pad_token_id: int, batch_size: int = BATCH_SIZE
) -> list[Inputs]:
    """The windows as `model` reads them, on its device, like lengths together."""
    return [
        {
            name: tensor
            for name, tensor in tensors_of(model, windows.batch(chosen, pad_token_id)).items()
            if name in INPUTS
        }
        for chosen in longest_first(windows.lengths.tolist(), batch_size)
    ]


def _in_turn(groups: np.ndarray, shuffled: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Indices of the windows of the `chosen` groups: the first of each, then the second of each, and so on."""
    places = {int(group): place for place, group in enumerate(chosen)}
    taken: dict[int, int] = {}
    keys = []
    for index in shuffled.tolist():
        group = int(groups[index])
        if group in places:
            keys.append((taken.get(group, 0), places[group], index))
            taken[group] = taken.get(group, 0) + 1
    return np.array([index for _, _, index in sorted(keys)], np.int64)
