"""What a row costs: its labels, the teacher's outputs, and the teacher's hidden states (option)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from prune.tasks.learning import Learning
from prune.train.settings import TrainingSettings

_TINY = 1e-12


def example_losses(
    outputs: Any,
    teacher_outputs: Any | None,
    batch: dict[str, Tensor],
    learning: Learning,
    settings: TrainingSettings,
) -> Tensor:
    """[batch]: task_weight · labels' + (1 − task_weight) · teacher's + hidden_weight · hidden states.

    Without a teacher, the labels' alone. `outputs` and `batch` are as `learning` takes them, with hidden_states
    among the outputs where these have a weight.
    """
    if teacher_outputs is None:
        return learning.label_losses(outputs, batch)
    losses = learning.teacher_losses(outputs, teacher_outputs, batch, temperature=settings.temperature)
    if settings.task_weight:
        by_labels = learning.label_losses(outputs, batch)
        losses = settings.task_weight * by_labels + (1 - settings.task_weight) * losses
    if settings.hidden_weight:
        mask = batch["attention_mask"]
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
