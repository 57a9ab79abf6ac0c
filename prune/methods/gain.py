"""gain: how much the loss would feel each gate (Michel et al. 2019; the paper's second method)."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.gates import GatedModel
from prune.loss import task_losses
from prune.modes import evaluating, frozen
from prune.plan import Scores
from trellis.errors import InputError


def gain_scores(model: PreTrainedModel, batches: Iterable[Mapping[str, Tensor]]) -> Scores:
    """Mean over the examples of |∂L/∂γ| at γ = 1, heads and feed-forward activations in the same pass.

    Each batch holds the model's inputs and start_positions, end_positions, all [batch, ...]. L is one
    example's cross-entropy, averaged over its start and its end. Dropout is off and only the gates get
    gradients. Raises InputError if there is no batch.
    """
    examples = 0
    with frozen(model), evaluating(model), GatedModel(model) as gated:
        gates = gated.gates()
        sums = [torch.zeros(gate.units, dtype=torch.float64) for gate in gates]
        for batch in batches:
            size = len(batch["input_ids"])
            for gate in gates:  # gates of its own for every example, so that gradients do not mix
                gate.values = nn.Parameter(gate.values.new_ones(size, 1, gate.units))
            with torch.enable_grad():
                example_losses(gated, batch).sum().backward()
            for gate, total in zip(gates, sums, strict=True):
                assert gate.values.grad is not None
                total += gate.values.grad.abs().sum(dim=(0, 1)).cpu().double()
            examples += size
    if not examples:
        raise InputError("There is no example to compute gains on; give at least one question.")
    vectors = [(total / examples).numpy() for total in sums]
    middle = len(gated.head_gates)
    return Scores(tuple(vectors[:middle]), tuple(vectors[middle:]))


def example_losses(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of start and end over the tokens that are no padding, averaged over the two: [batch]."""
    inputs = {name: tensor for name, tensor in batch.items() if not name.endswith("_positions")}
    outputs = model(**inputs)
    return task_losses(
        outputs.start_logits,
        outputs.end_logits,
        batch["attention_mask"],
        batch["start_positions"],
        batch["end_positions"],
    )
