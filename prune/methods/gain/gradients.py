"""gain: how much the loss would feel each gate (Michel et al. 2019; the paper's second method)."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original
from prune.gates import GatedModel
from prune.modes import evaluating, frozen
from prune.plan import Scores
from prune.tasks.batch import INPUTS
from prune.tasks.learning import Learning, learning_of
from trellis.errors import InputError


def gain_scores(model: PreTrainedModel, batches: Iterable[Mapping[str, Tensor]]) -> Scores:
    """Mean over the examples of |∂L/∂γ| at γ = 1, heads and feed-forward activations in the same pass.

    Each batch holds the model's inputs and its labels, all [batch, ...]. L is one example's loss by its labels, see
    `prune.tasks.learning`. Dropout is off and only the gates get gradients. Raises InputError if there is no batch.
    """
    learning = learning_of(encoder_and_original(model)[0].task)
    examples = 0
    with frozen(model), evaluating(model), GatedModel(model) as gated:
        gates = gated.gates()
        sums = [torch.zeros(gate.units, dtype=torch.float64) for gate in gates]
        for batch in batches:
            size = len(batch["input_ids"])
            for gate in gates:  # gates of its own for every example, so that gradients do not mix
                gate.values = nn.Parameter(gate.values.new_ones(size, 1, gate.units))
            with torch.enable_grad():
                example_losses(gated, batch, learning).sum().backward()
            for gate, total in zip(gates, sums, strict=True):
                assert gate.values.grad is not None
                total += gate.values.grad.abs().sum(dim=(0, 1)).cpu().double()
            examples += size
    if not examples:
        raise InputError("There is no example to compute gains on; give at least one question.")
    vectors = [(total / examples).numpy() for total in sums]
    middle = len(gated.head_gates)
    return Scores(tuple(vectors[:middle]), tuple(vectors[middle:]))


def example_losses(model: nn.Module, batch: Mapping[str, Tensor], learning: Learning) -> Tensor:
    """How far what the model gives is from the labels: [batch]."""
    outputs = model(**{name: batch[name] for name in INPUTS if name in batch})
    return learning.label_losses(outputs, batch)
