"""What a window costs: the annotated answer, the teacher's, and the teacher's hidden states (option)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from prune.loss import distillation_losses, task_losses
from prune.train.settings import TrainingSettings

_TINY = 1e-12


def example_losses(
    outputs: Any, teacher_outputs: Any | None, batch: dict[str, Tensor], settings: TrainingSettings
) -> Tensor:
    """[batch]: task_weight · cross-entropy + (1 − task_weight) · T² KL + hidden_weight · hidden states.

    Without a teacher, the cross-entropy alone. `batch` holds attention_mask and the annotated positions;
    `outputs` are those of a question-answering model, with hidden_states where these have a weight.
    """
    logits, mask = (outputs.start_logits, outputs.end_logits), batch["attention_mask"]
    annotated = batch["start_positions"], batch["end_positions"]
    if teacher_outputs is None:
        return task_losses(*logits, mask, *annotated)
    theirs = teacher_outputs.start_logits, teacher_outputs.end_logits
    losses = distillation_losses(*logits, *theirs, mask, temperature=settings.temperature)
    if settings.task_weight:
        task = task_losses(*logits, mask, *annotated)
        losses = settings.task_weight * task + (1 - settings.task_weight) * losses
    if settings.hidden_weight:
        distance = hidden_losses(outputs.hidden_states, teacher_outputs.hidden_states, mask)
        losses = losses + settings.hidden_weight * distance
    return losses


def hidden_losses(states: Sequence[Tensor], teacher_states: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Distance of each layer's output from the teacher's, averaged over layers: [batch].

    `states` are [batch, seq, hidden], the embeddings' first, which do not count. One layer's distance is the
    mean squared difference over the tokens that are no padding, in units of the variance that the teacher's
    states have over these tokens: 1 is what the best constant would have, for any model and any layer.
    """
    distances = [
        _mean((ours.to(wide.dtype) - wide) ** 2, mask) / _variance(wide, mask).clamp_min(_TINY)
        for ours, wide in zip(states[1:], map(_widened, teacher_states[1:]), strict=True)
    ]
    total: Tensor = sum(distances[1:], distances[0])
    return total / len(distances)


def _widened(states: Tensor) -> Tensor:
    return states if states.dtype.itemsize >= 4 else states.float()


def _variance(states: Tensor, mask: Tensor) -> Tensor:
    return _mean((states - _mean(states, mask)[:, None, None]) ** 2, mask)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """[batch, seq, hidden] → [batch], over tokens that are no padding."""
    kept = values.masked_fill((mask == 0)[:, :, None], 0.0).sum(dim=(1, 2))
    return kept / (mask.sum(dim=1) * values.shape[2])
