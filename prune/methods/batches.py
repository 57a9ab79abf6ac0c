"""Windows as the tensors that a loss is computed from."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original
from prune.tasks.batch import Batch
from prune.tasks.question_answering.windows import Window, batches


def tensors_of(model: PreTrainedModel, batch: Batch) -> dict[str, Tensor]:
    """The model's inputs and the labels, on its device."""
    takes_token_types = encoder_and_original(model)[0].takes_token_types
    return {
        name: torch.from_numpy(array).to(model.device)
        for name, array in (batch.inputs() | batch.labels).items()
        if takes_token_types or name != "token_type_ids"
    }


def training_batches(
    model: PreTrainedModel,
    windows: Sequence[Window],
    *,
    pad_token_id: int,
    batch_size: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[dict[str, Tensor]]:
    """The windows as `tensors_of` gives them, longest first.

    `progress` is called with (windows done, windows in all) after each batch was used.
    """
    done = 0
    for indices, batch in batches(windows, batch_size, pad_token_id):
        yield tensors_of(model, batch)
        done += len(indices)
        if progress:
            progress(done, len(windows))
