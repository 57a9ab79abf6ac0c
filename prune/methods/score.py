"""One function over all methods: a model and questions in, Scores out."""

from collections.abc import Callable, Sequence

from transformers import PreTrainedModel

from prune.families.layers import shape_of
from prune.methods import Method
from prune.methods.batches import training_batches
from prune.methods.gain import gain_scores
from prune.methods.random import random_scores
from prune.modes import placed
from prune.plan import Scores
from prune.tasks.question_answering.windows import Window
from trellis.ranks import ranks


def score(
    method: Method,
    model: PreTrainedModel,
    windows: Sequence[Window],
    *,
    pad_token_id: int,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Scores:
    """Score every head and activation of `model`; `windows` carry the answers and may be empty for random."""
    if method == "random":
        return random_scores(shape_of(model), seed=seed)
    with placed(model, ranks().device):
        batches = training_batches(model, windows, pad_token_id=pad_token_id, progress=progress)
        return gain_scores(model, batches)
