"""What training minimises: see `prune.tasks.learning`. Padding takes no part in any softmax."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from prune.tasks.question_answering import END, START

_POSITIONS = {START: "start_positions", END: "end_positions"}
"""What the outputs should be highest at, [batch]."""


def label_losses(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of the annotated start and end tokens, averaged over the two: [batch]."""
    start, end = (
        functional.cross_entropy(
            _unpadded(outputs[name], batch["attention_mask"]), batch[positions], reduction="none"
        )
        for name, positions in _POSITIONS.items()
    )
    return (start + end) / 2


def teacher_losses(
    outputs: Mapping[str, Tensor],
    teacher_outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    *,
    temperature: float,
) -> Tensor:
    """T² · KL(teacher ‖ student) of the start and end distributions at temperature T, averaged: [batch].

    T² keeps the gradients' size alike for all temperatures (Hinton et al. 2015).
    """
    mask = batch["attention_mask"]
    padding = mask == 0
    divergences = []
    for name in _POSITIONS:
        ours, theirs = (
            functional.log_softmax(_unpadded(each[name], mask) / temperature, dim=-1)
            for each in (outputs, teacher_outputs)
        )
        # −inf less −inf is no number: padding's zero share of the sum is written as such, also for gradients.
        ratio = (theirs.masked_fill(padding, 0.0) - ours.masked_fill(padding, 0.0)) * theirs.exp()
        divergences.append(ratio.sum(dim=-1))
    return temperature**2 * (divergences[0] + divergences[1]) / 2


def drawn_labels(
    outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], generator: torch.Generator
) -> dict[str, Tensor]:
    """A start and an end token for each row, drawn independently of each other: [batch] each."""
    drawn = {}
    for name, positions in _POSITIONS.items():
        likely = functional.softmax(_unpadded(outputs[name].detach(), batch["attention_mask"]), dim=-1)
        tokens = torch.multinomial(likely.cpu(), 1, generator=generator)
        drawn[positions] = tokens[:, 0].to(likely.device)
    return drawn


def are_right(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    """Whether the likeliest start and the likeliest end are both the annotated ones: [batch]."""
    padding = batch["attention_mask"] == 0
    start, end = (
        outputs[name].masked_fill(padding, -torch.inf).argmax(dim=-1) == batch[positions]
        for name, positions in _POSITIONS.items()
    )
    return start & end


def _unpadded(logits: Tensor, attention_mask: Tensor) -> Tensor:
    """[batch, seq] in at least float32, −inf where there is padding."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return wide.masked_fill(attention_mask == 0, -torch.inf)
