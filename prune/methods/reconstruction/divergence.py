"""How far a cut model's answers are from the uncut model's: the task's own loss, with no labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from prune.loss import distillation_losses
from prune.methods.reconstruction.inputs import Inputs
from prune.methods.reconstruction.streams import Stream
from prune.modes import evaluating

Logits = tuple[Tensor, Tensor]
"""Of a batch, start and end: [batch, longest] each."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What the uncut model says of some windows."""

    batches: Sequence[Inputs]
    logits: Sequence[Logits]

    @classmethod
    def of(cls, model: PreTrainedModel, batches: Sequence[Inputs]) -> "Reference":
        """What `model` says now."""
        with evaluating(model), torch.no_grad():
            return cls(batches, [_logits(model(**batch)) for batch in batches])

    def divergence(self, model: PreTrainedModel) -> float:
        """KL(uncut ‖ `model`) of start and end, averaged over the two and over the windows, in nats."""
        with evaluating(model):
            return self._divergence(lambda number: model(**self.batches[number]))

    def divergence_behind(self, stream: Stream) -> float:
        """The same of the stream's model, of which only the layers ahead are run; it is of these batches."""
        return self._divergence(stream.outputs)

    @torch.no_grad()
    def _divergence(self, run: Callable[[int], Any]) -> float:
        total, windows = 0.0, 0
        for number, (batch, theirs) in enumerate(zip(self.batches, self.logits, strict=True)):
            ours = _logits(run(number))
            losses = distillation_losses(*ours, *theirs, batch["attention_mask"], temperature=1.0)
            total += float(losses.double().sum())
            windows += len(losses)
        return total / windows


def _logits(outputs: Any) -> Logits:
    return outputs.start_logits, outputs.end_logits
