"""How far a cut model's answers are from the uncut model's: the task's own loss, with no labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original
from prune.methods.reconstruction.inputs import Inputs
from prune.methods.reconstruction.streams import Stream
from prune.modes import evaluating
from prune.tasks.learning import Learning, learning_of


@dataclass(frozen=True, eq=False)
class Reference:
    """What the uncut model says of some windows."""

    batches: Sequence[Inputs]
    outputs: Sequence[Mapping[str, Tensor]]
    """Of each batch, by name."""
    learning: Learning
    """Of the model's task."""

    @classmethod
    def of(cls, model: PreTrainedModel, batches: Sequence[Inputs]) -> "Reference":
        """What `model` says now."""
        encoder, _ = encoder_and_original(model)

        def said(batch: Inputs) -> dict[str, Tensor]:
            outputs = model(**batch)
            return {name: outputs[name] for name in encoder.head.outputs}

        with evaluating(model), torch.no_grad():
            return cls(batches, [said(batch) for batch in batches], learning_of(encoder.task))

    def divergence(self, model: PreTrainedModel) -> float:
        """How far the outputs of `model` are, by the loss from a teacher at temperature 1, averaged over the windows.

        Of question answering that is KL(uncut ‖ `model`) of start and end, averaged over the two, in nats.
        """
        with evaluating(model):
            return self._divergence(lambda number: model(**self.batches[number]))

    def divergence_behind(self, stream: Stream) -> float:
        """The same of the stream's model, of which only the layers ahead are run; it is of these batches."""
        return self._divergence(stream.outputs)

    @torch.no_grad()
    def _divergence(self, run: Callable[[int], Any]) -> float:
        total, windows = 0.0, 0
        for number, (batch, theirs) in enumerate(zip(self.batches, self.outputs, strict=True)):
            losses = self.learning.teacher_losses(run(number), theirs, batch, temperature=1.0)
            total += float(losses.double().sum())
            windows += len(losses)
        return total / windows
