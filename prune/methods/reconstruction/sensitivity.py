"""Which changes of a sublayer's output the model's answers feel: their Fisher information there.

Labels are drawn from what the model itself says, and the gradient of their loss is taken at the reader's output: the
mean over tokens of its outer product with itself is, to second order, how the divergence from the uncut model grows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original
from prune.methods.reconstruction.inputs import Inputs
from prune.methods.reconstruction.obs import ridged
from prune.methods.reconstruction.sublayers import sublayers_of
from prune.modes import evaluating, frozen
from prune.tasks.learning import Learning, learning_of

DAMPING = 1e-3
"""Share of the mean sensitivity that every direction has at least."""


def output_metrics(
    model: PreTrainedModel,
    batches: Sequence[Inputs],
    *,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Tensor]:
    """For each sublayer of `model` the metric of its reader's output: [out, out], float64, on the CPU.

    Labels are drawn with `seed`. `progress` gets (batches done, batches in all).
    """
    readers = [sublayer.reader for sublayer in sublayers_of(model)]
    learning = learning_of(encoder_and_original(model)[0].task)
    generator = torch.Generator().manual_seed(seed)
    metrics = [
        torch.zeros(reader.out_features, reader.out_features, dtype=torch.float64) for reader in readers
    ]
    tokens = 0
    with frozen(model), evaluating(model):
        for done, batch in enumerate(batches, 1):
            is_token = batch["attention_mask"] == 1
            for metric, gradient in zip(
                metrics, _gradients(model, readers, batch, learning, generator), strict=True
            ):
                felt = gradient[is_token].double().cpu()
                metric += felt.T @ felt
            tokens += int(is_token.sum())
            if progress:
                progress(done, len(batches))
    return [metric / tokens for metric in metrics]


def weighed(weight: Tensor, metric: Tensor) -> Tensor:
    """`weight` [out, in] in coordinates in which the square of a change of output is what `metric` says it costs."""
    root = torch.linalg.cholesky(ridged(metric, DAMPING))
    weighed: Tensor = root.T @ weight.detach().double().cpu()
    return weighed


def _gradients(
    model: PreTrainedModel,
    readers: Sequence[nn.Linear],
    batch: Inputs,
    learning: Learning,
    generator: torch.Generator,
) -> tuple[Tensor, ...]:
    """Of the loss of drawn labels, with respect to what each reader gives: [batch, longest, out] each."""
    added: dict[nn.Module, Tensor] = {}

    def adding(reader: nn.Module, _: Any, output: Tensor) -> Tensor:
        added[reader] = torch.zeros_like(output, requires_grad=True)
        return output + added[reader]

    hooks = [reader.register_forward_hook(adding) for reader in readers]
    try:
        with torch.enable_grad():
            outputs = model(**batch)
            labels = learning.drawn_labels(outputs, batch, generator)
            loss = learning.label_losses(outputs, {**batch, **labels}).sum()
            return torch.autograd.grad(loss, [added[reader] for reader in readers])
    finally:
        for hook in hooks:
            hook.remove()
