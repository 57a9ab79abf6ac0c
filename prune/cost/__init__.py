"""What a shape costs: arithmetic on integers, no model needed."""

from prune.families.encoder import Encoder
from prune.families.tensors import tensors_of
from prune.shape import ModelShape


def multiply_adds(encoder: Encoder, shape: ModelShape, *, batch: int, seq: int) -> int:
    """Multiply-adds of one forward pass over `batch` sequences of `seq` tokens.

    Counts every matrix product (projections, attention scores and context, feed-forward, head);
    embedding look-ups, normalisations and activations are left out, as is usual.
    """
    tokens = batch * seq
    hidden = encoder.hidden_size
    head = encoder.head
    rows = tokens if head.reads == "tokens" else batch
    total = rows * sum(hidden * linear.out_features(hidden, encoder.num_labels) for linear in head.linears)
    if encoder.embedding_size != hidden:
        total += tokens * encoder.embedding_size * hidden
    block = encoder.family.block
    for layer in shape.layers:
        sides = encoder.sides(layer)
        total += tokens * sum(sides[part.out] * sides[part.into] for part in block.linears.values())
        total += block.attention_products * tokens * seq * sides["heads"]
    return total


def parameters(encoder: Encoder, shape: ModelShape) -> int:
    """Weights of the whole model; four bytes each in fp32."""
    total = 0
    for tensor in tensors_of(encoder, shape).values():
        size = 1
        for dimension in tensor.shape:
            size *= dimension
        total += size
    return total
