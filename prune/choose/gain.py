"""gain: how much the loss would feel each gate (Michel et al. 2019; the paper's second method)."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prune.errors import InputError
from prune.gates import GatedModel
from prune.modes import evaluating
from prune.plan import Scores


def gain_scores(model: PreTrainedModel, batches: Iterable[Mapping[str, Tensor]]) -> Scores:
    """Mean over the examples of |∂L/∂γ| at γ = 1, heads and feed-forward activations in the same pass.

    Each batch holds the model's inputs and start_positions, end_positions, all [batch, ...]. L is one
    example's cross-entropy, averaged over its start and its end. Dropout is off and only the gates get
    gradients. Raises InputError if there is no batch.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    examples = 0
    try:
        for parameter in trained:
            parameter.requires_grad_(False)
        with evaluating(model), GatedModel(model) as gated:
            gates = list(gated.gates())
            sums = [torch.zeros(gate.units, dtype=torch.float64) for gate in gates]
            for batch in batches:
                size = len(batch["input_ids"])
                for gate in gates:  # gates of its own for every example, so that gradients do not mix
                    gate.values = nn.Parameter(gate.values.new_ones(size, 1, gate.units))
                with torch.enable_grad():
                    example_losses(gated, batch).sum().backward()
                for gate, total in zip(gates, sums, strict=True):
                    assert gate.values.grad is not None
                    total += gate.values.grad.abs().sum(dim=(0, 1)).double().cpu()
                examples += size
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
    if not examples:
        raise InputError("There is no example to compute gains on; give at least one question.")
    vectors = [(total / examples).numpy() for total in sums]
    middle = len(gated.head_gates)
    return Scores(tuple(vectors[:middle]), tuple(vectors[middle:]))


def example_losses(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of start and end over the tokens that are no padding, averaged over the two: [batch]."""
    positions = ("start_positions", "end_positions")
    outputs = model(**{name: tensor for name, tensor in batch.items() if name not in positions})
    padding = batch["attention_mask"] == 0  # left out, an example's loss is the same in any batch
    start, end = (
        nn.functional.cross_entropy(logits.masked_fill(padding, -torch.inf), batch[name], reduction="none")
        for logits, name in zip((outputs.start_logits, outputs.end_logits), positions, strict=True)
    )
    return (start + end) / 2
