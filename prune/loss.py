"""What training minimises, one number per example, so that how examples are batched never matters.

All logits are [batch, seq]; padding takes no part in any softmax.
"""

import torch
from torch import Tensor
from torch.nn import functional


def task_losses(
    start_logits: Tensor,
    end_logits: Tensor,
    attention_mask: Tensor,
    start_positions: Tensor,
    end_positions: Tensor,
) -> Tensor:
    """Cross-entropy of the annotated start and end tokens, averaged over the two: [batch]."""
    start, end = (
        functional.cross_entropy(_unpadded(logits, attention_mask), positions, reduction="none")
        for logits, positions in ((start_logits, start_positions), (end_logits, end_positions))
    )
    return (start + end) / 2


def distillation_losses(
    start_logits: Tensor,
    end_logits: Tensor,
    teacher_start_logits: Tensor,
    teacher_end_logits: Tensor,
    attention_mask: Tensor,
    *,
    temperature: float,
) -> Tensor:
    """T² · KL(teacher ‖ student) of the start and end distributions at temperature T, averaged: [batch].

    T² keeps the gradients' size alike for all temperatures (Hinton et al. 2015).
    """
    padding = attention_mask == 0
    divergences = []
    for student, teacher in ((start_logits, teacher_start_logits), (end_logits, teacher_end_logits)):
        ours, theirs = (
            functional.log_softmax(_unpadded(logits, attention_mask) / temperature, dim=-1)
            for logits in (student, teacher)
        )
        # −inf less −inf is no number: padding's zero share of the sum is written as such, also for gradients.
        ratio = (theirs.masked_fill(padding, 0.0) - ours.masked_fill(padding, 0.0)) * theirs.exp()
        divergences.append(ratio.sum(dim=-1))
    return temperature**2 * (divergences[0] + divergences[1]) / 2


def _unpadded(logits: Tensor, attention_mask: Tensor) -> Tensor:
    """[batch, seq] in at least float32, −inf where there is padding."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return wide.masked_fill(attention_mask == 0, -torch.inf)
