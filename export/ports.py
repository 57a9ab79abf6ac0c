"""What goes into a graph and what comes out of it, by name."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prune.families.encoder import Encoder

if TYPE_CHECKING:
    from prune.tasks.question_answering.windows import Batch

INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS = "input_ids", "attention_mask", "token_type_ids"
OUTPUTS = ("start_logits", "end_logits")


def input_names(encoder: Encoder) -> tuple[str, ...]:
    """The graph's inputs, int64 [batch, sequence]; token types only where there is a choice of them."""
    if encoder.takes_token_types:
        return INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS
    return INPUT_IDS, ATTENTION_MASK


def graph_inputs(batch: "Batch", takes_token_types: bool) -> dict[str, NDArray[np.int64]]:
    """What a graph reads of `batch`, [batch, longest] each, with token types or without."""
    inputs = batch.inputs()
    if not takes_token_types:
        inputs.pop(TOKEN_TYPE_IDS, None)
    elif batch.token_type_ids is None:  # the tokenizer knows none; transformers takes zeros then
        inputs[TOKEN_TYPE_IDS] = np.zeros_like(batch.input_ids)
    return inputs
