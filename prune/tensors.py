"""Every weight of a question-answering encoder: our name for it, transformers' name, and its shape.

One table serves three readers: loading checks a checkpoint against it before believing it, export takes
its arrays by it, and the unpruned twin draws its random weights from it.
"""

from dataclasses import dataclass

from prune.arch import Encoder
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
    architecture = encoder.architecture
    prefix = architecture.encoder
    embedding, hidden = encoder.embedding_size, encoder.hidden_size
    table: dict[str, Tensor] = {}

    def add_norm(name: str, key: str, size: int) -> None:
        table[f"{name}/weight"] = Tensor(f"{key}.weight", (size,))
        table[f"{name}/bias"] = Tensor(f"{key}.bias", (size,))

    def add_linear(name: str, key: str, out_features: int, in_features: int) -> None:
        table[f"{name}/weight"] = Tensor(f"{key}.weight", (out_features, in_features))
        table[f"{name}/bias"] = Tensor(f"{key}.bias", (out_features,))

    rows = {"word": encoder.vocab_size, "position": encoder.max_position_embeddings}
    if architecture.has_token_types:
        rows["token_type"] = encoder.type_vocab_size
    for name, size in rows.items():
        table[f"embeddings/{name}"] = Tensor(
            f"{prefix}.embeddings.{name}_embeddings.weight", (size, embedding)
        )
    add_norm("embeddings/norm", f"{prefix}.embeddings.LayerNorm", embedding)
    if embedding != hidden:
        add_linear("embeddings/project", f"{prefix}.{architecture.embeddings_project}", hidden, embedding)
    for index, layer in enumerate(shape.layers):
        name, key, parts = f"layer.{index}", architecture.layer(index), architecture.parts
        context = layer.num_heads * encoder.head_size
        add_linear(f"{name}/attention/query", f"{key}.{parts.query}", context, hidden)
        add_linear(f"{name}/attention/key", f"{key}.{parts.key}", context, hidden)
        add_linear(f"{name}/attention/value", f"{key}.{parts.value}", context, hidden)
        add_linear(f"{name}/attention/output", f"{key}.{parts.attention_output}", hidden, context)
        add_norm(f"{name}/attention/norm", f"{key}.{parts.attention_norm}", hidden)
        add_linear(f"{name}/ffn/intermediate", f"{key}.{parts.intermediate}", layer.intermediate_size, hidden)
        add_linear(f"{name}/ffn/output", f"{key}.{parts.output}", hidden, layer.intermediate_size)
        add_norm(f"{name}/ffn/norm", f"{key}.{parts.output_norm}", hidden)
    add_linear("answer", "qa_outputs", 2, hidden)
    return table
