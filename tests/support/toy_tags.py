"""A task whose outputs are of each token, with several labels: which of three kinds it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from support.toy_task import Texts
from torch import Tensor
from torch.nn import functional

from prune.tasks.batch import Batch
from prune.tasks.head import Head, HeadLinear
from prune.tasks.task import Task

KINDS = 3
NO_KIND = -100
"""Of padding."""

TAGS = Task(
    name="tags",
    purpose="telling kinds of tokens apart",
    model_class="ForTokenClassification",
    head=lambda family: Head("tokens", (HeadLinear("classifier", out="labels"),), ("logits",)),
    learning=__name__,
)


def label_losses(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    losses = functional.cross_entropy(
        outputs["logits"].transpose(1, 2), batch["labels"], ignore_index=NO_KIND, reduction="none"
    )
    return losses.sum(dim=1) / batch["attention_mask"].sum(dim=1)


def teacher_losses(
    outputs: Mapping[str, Tensor],
    teacher_outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    *,
    temperature: float,
) -> Tensor:
    ours, theirs = (
        functional.log_softmax(each["logits"] / temperature, dim=-1) for each in (outputs, teacher_outputs)
    )
    mask = batch["attention_mask"]
    losses = ((theirs - ours) * theirs.exp()).sum(dim=-1) * mask
    return temperature**2 * losses.sum(dim=1) / mask.sum(dim=1)


def are_right(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    right = outputs["logits"].argmax(dim=-1) == batch["labels"]
    return (right | (batch["labels"] == NO_KIND)).all(dim=1)


def labelled(batch: dict[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """The same batch with a kind for each token."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randint(KINDS, batch["input_ids"].shape, generator=generator)
    return batch | {"labels": kinds.masked_fill(batch["attention_mask"] == 0, NO_KIND)}


class Tagged(Texts):
    """The same texts; a token's kind is the rest of its number, divided by the kinds."""

    def batch(self, indices: Sequence[int] | NDArray[np.int64], pad_token_id: int) -> Batch:
        batch = super().batch(indices, pad_token_id)
        kinds = np.where(batch.attention_mask == 1, batch.input_ids % KINDS, NO_KIND)
        return replace(batch, labels={"labels": kinds})
