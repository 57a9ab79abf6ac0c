"""What a shape costs: arithmetic on integers, no model needed."""

from prune.arch import Encoder
from prune.shape import ModelShape
from prune.tensors import tensors_of


def multiply_adds(encoder: Encoder, shape: ModelShape, *, batch: int, seq: int) -> int:
    """Multiply-adds of one forward pass over `batch` sequences of `seq` tokens.

    Counts every matrix product (projections, attention scores and context, feed-forward, answer head);
    embedding look-ups, normalisations and activations are left out, as is usual.
    """
    tokens = batch * seq
    hidden = encoder.hidden_size
    total = tokens * hidden * 2
    if encoder.embedding_size != hidden:
        total += tokens * encoder.embedding_size * hidden
    for layer in shape.layers:
        context = layer.num_heads * encoder.head_size
        total += 4 * tokens * hidden * context  # query, key, value, output
        total += 2 * tokens * seq * context  # scores, context
        total += 2 * tokens * hidden * layer.intermediate_size
    return total


def parameters(encoder: Encoder, shape: ModelShape) -> int:
    """Weights of the whole question-answering model; four bytes each in fp32."""
    total = 0
    for tensor in tensors_of(encoder, shape).values():
        size = 1
        for dimension in tensor.shape:
            size *= dimension
        total += size
    return total
