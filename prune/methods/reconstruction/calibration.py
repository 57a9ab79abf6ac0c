"""One pass of the uncut model over the calibration text: the moments of what each sublayer's reader reads."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.methods.reconstruction.inputs import Inputs
from prune.methods.reconstruction.moments import Moments, MomentSums
from prune.methods.reconstruction.sublayers import sublayers_of
from prune.modes import evaluating


@torch.no_grad()
def reader_moments(
    model: PreTrainedModel,
    batches: Sequence[Inputs],
    progress: Callable[[int, int], None] | None = None,
) -> list[Moments]:
    """Of each sublayer of `model`, in their order, over all tokens that are no padding.

    `progress` gets (batches done, batches in all).
    """
    readers = [sublayer.reader for sublayer in sublayers_of(model)]
    sums = [MomentSums() for _ in readers]
    is_token = torch.empty(0)

    def adding(to: MomentSums) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, inputs: to.add(inputs[0][is_token])

    hooks = [reader.register_forward_pre_hook(adding(to)) for reader, to in zip(readers, sums, strict=True)]
    try:
        with evaluating(model):
            for done, batch in enumerate(batches, 1):
                is_token = batch["attention_mask"] == 1
                model(**batch)
                if progress:
                    progress(done, len(batches))
    finally:
        for hook in hooks:
            hook.remove()
    return [sums.pop(0).moments() for _ in readers]  # one by one: what lies on a GPU is freed on the way
