"""What goes into a graph and what comes out of it, by name."""

import numpy as np
from numpy.typing import NDArray

from prune.families.encoder import Encoder
from prune.tasks.batch import Batch
from prune.tasks.head import Size

INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS = "input_ids", "attention_mask", "token_type_ids"


def input_names(encoder: Encoder) -> tuple[str, ...]:
    """The graph's inputs, int64 [batch, sequence]; token types only where there is a choice of them."""
    if encoder.takes_token_types:
        return INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS
    return INPUT_IDS, ATTENTION_MASK


def output_names(encoder: Encoder) -> tuple[str, ...]:
    """The graph's outputs, floats, as the head of the model's task names them."""
    return encoder.head.outputs


def output_shape(encoder: Encoder, batch: Size, sequence: Size) -> tuple[Size | int, ...]:
    """Of each output, for inputs of [batch, sequence], which may be numbers or names."""
    return encoder.head.output_shape(batch, sequence, encoder.num_labels)


def graph_inputs(batch: Batch, takes_token_types: bool) -> dict[str, NDArray[np.int64]]:
    """What a graph reads of `batch`, [batch, longest] each, with token types or without."""
    inputs = batch.inputs()
    if not takes_token_types:
        inputs.pop(TOKEN_TYPE_IDS, None)
    elif batch.token_type_ids is None:  # the tokenizer knows none; transformers takes zeros then
        inputs[TOKEN_TYPE_IDS] = np.zeros_like(batch.input_ids)
    return inputs
