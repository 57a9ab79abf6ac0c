"""A model of transformers as an engine. Loads torch."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from prune.families.layers import encoder_and_original
from prune.modes import evaluating
from prune.tasks.batch import Batch, Outputs, Run


def torch_runner(model: PreTrainedModel) -> Run:
    """An engine that runs a model where it lies, in evaluation mode.

    The model's mode is put back after each batch. Token types are given only to models that tell them apart.
    """
    encoder, _ = encoder_and_original(model)
    takes_token_types, names = encoder.takes_token_types, encoder.head.outputs

    def run(batch: Batch) -> Outputs:
        device = next(model.parameters()).device
        inputs = {
            name: torch.from_numpy(array).to(device)
            for name, array in batch.inputs().items()
            if takes_token_types or name != "token_type_ids"
        }
        with evaluating(model), torch.no_grad():
            outputs = model(**inputs)
        return arrays_of(outputs, names)

    return run


def arrays_of(outputs: Any, names: Sequence[str]) -> Outputs:
    """Those outputs of a model of transformers, on the host, in float32."""
    return {name: getattr(outputs, name).float().cpu().numpy() for name in names}
