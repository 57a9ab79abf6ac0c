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
RUNS, HELD_OUT_RUNS = 12, 2
"""Into so many runs of neighbours the texts are divided; so many of them serve to price, and others to judge by."""
MOST_HELD_OUT = 4
"""Of the runs, where there are fewer, one in so many at most."""


@dataclass(frozen=True, eq=False)
class Division:
    """Windows of three sets of texts, see `divided`; a text is a context or a document, and stands in one of them."""

    calibrate: StoredWindows
    price: StoredWindows
    judge: StoredWindows


def divided(windows: StoredWindows, *, calibrate: int, price: int, judge: int, seed: int) -> Division:
    """Draw so many windows for each use, of as many texts as can be: a text's second window comes after all firsts.

    Neighbours, by their numbers, go together: SQuAD's files have the contexts of an article one after another, so what
    is held out is mostly of other articles than what is calibrated on. It is of the same files, and the articles at the
    ends of a run are divided: text of another source is further away, and its divergence larger.

    Fewer windows where there are not so many. Raises InputError for fewer than four texts.
    """
    generator = np.random.default_rng(seed)
    names = np.unique(windows.groups)
    if len(names) < MOST_HELD_OUT:
        raise InputError(
            f"There are {len(names)} texts to calibrate on; at least {MOST_HELD_OUT} are needed, so that what prices "
            "and judges a cut is not what it was fitted to."
        )
    runs = np.array_split(names, min(RUNS, len(names)))
    held_out = min(HELD_OUT_RUNS, len(runs) // MOST_HELD_OUT)
    places = np.split(generator.permutation(len(runs)), [held_out, 2 * held_out])
    shuffled = generator.permutation(len(windows))

    def drawn(chosen: np.ndarray, count: int) -> StoredWindows:
        texts = generator.permutation(np.concatenate([runs[place] for place in chosen]))
        return windows.select(_in_turn(windows.groups, shuffled, texts)[:count])

    return Division(
        judge=drawn(places[0], judge), price=drawn(places[1], price), calibrate=drawn(places[2], calibrate)
    )


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
