"""Every weight of an encoder and its head: our name for it, transformers' name, and its shape.

One table serves three readers: loading checks a checkpoint against it before believing it, export takes
its arrays by it, and the unpruned twin draws its random weights from it.
"""

from dataclasses import dataclass

from prune.families.block import LinearPart
from prune.families.encoder import Encoder
from prune.shape import ModelShape


@dataclass(frozen=True)
class Tensor:
    """One weight: its key in a transformers state dict, and its shape there."""

    key: str
    shape: tuple[int, ...]


def tensors_of(encoder: Encoder, shape: ModelShape) -> dict[str, Tensor]:
    """All weights that a forward pass reads, by names like "layer.3/attention/query/weight".

    Matrices have transformers' layout: [out_features, in_features].
    """
    family = encoder.family
    embedding, hidden = encoder.embedding_size, encoder.hidden_size
    table: dict[str, Tensor] = {}

    def add_norm(name: str, key: str, size: int) -> None:
        table[f"{name}/weight"] = Tensor(f"{key}.weight", (size,))
        table[f"{name}/bias"] = Tensor(f"{key}.bias", (size,))

    def add_linear(name: str, key: str, out_features: int, in_features: int) -> None:
        table[f"{name}/weight"] = Tensor(f"{key}.weight", (out_features, in_features))
        table[f"{name}/bias"] = Tensor(f"{key}.bias", (out_features,))

    tables = {
        "word": encoder.vocab_size,
        "position": encoder.max_position_embeddings,
        "token_type": encoder.type_vocab_size,
    }
    at = {name: f"{family.encoder}.{path}" for name, path in family.embeddings.items()}
    for name, rows in tables.items():
        if name in at:
            table[f"embeddings/{name}"] = Tensor(f"{at[name]}.weight", (rows, embedding))
    add_norm("embeddings/norm", at["norm"], embedding)
    if embedding != hidden:
        add_linear("embeddings/project", at["project"], hidden, embedding)
    for index, layer in enumerate(shape.layers):
        sides = encoder.sides(layer)
        for name, part in family.block.parts.items():
            key = f"{family.layer(index)}.{family.parts[name]}"
            if isinstance(part, LinearPart):
                add_linear(f"layer.{index}/{name}", key, sides[part.out], sides[part.into])
            else:
                add_norm(f"layer.{index}/{name}", key, hidden)
    for linear in encoder.head.linears:
        add_linear(linear.name, linear.key, linear.out_features(hidden, encoder.num_labels), hidden)
    return table
