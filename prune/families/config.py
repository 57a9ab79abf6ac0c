"""A config of transformers, as plain values, into an Encoder and a ModelShape, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from prune.families import family_of
from prune.families.encoder import Encoder
from prune.shape import MOST_LAYERS, ModelShape
from prune.tasks import task_of_class
from trellis.bounds import check_whole
from trellis.errors import InputError


def encoder_of(config: Mapping[str, Any]) -> tuple[Encoder, ModelShape]:
    """Read a transformers config (as a dict) into its Encoder and the shape of the *uncut* model.

    Raises InputError, by name, for what the graph builder would get wrong: an unsupported architecture, an
    activation other than exact GELU, relative positions, a decoder, cross-attention, another number of labels than
    the task has. The task is told from the class that `architectures` names.
    """
    family = family_of(config.get("model_type"))
    keys = family.keys
    activation = config.get(keys.activation, "gelu")
    if activation not in ("gelu", "gelu_python"):
        raise InputError(f"The model's activation is {activation!r}; only the exact 'gelu' is supported.")
    position_type = config.get("position_embedding_type") or "absolute"
    if position_type != "absolute":
        raise InputError(
            f"The model's position embeddings are {position_type!r}; only 'absolute' is supported."
        )
    if config.get("is_decoder") or config.get("is_encoder_decoder"):
        raise InputError("The model is configured as a decoder (is_decoder); only encoders are supported.")
    if config.get("add_cross_attention"):
        raise InputError(
            "The model has cross-attention (add_cross_attention); only self-attention is supported."
        )
    names = config.get("id2label")
    labels = len(names) if isinstance(names, Mapping) else config.get("num_labels", 2)
    task = task_of_class(config.get("architectures"))
    task.check_labels(labels)
    check_whole("The config's number of labels", labels, 1)
    sizes = {}
    for field in fields(keys):
        if field.name == "activation":
            continue
        value: Any = config.get(getattr(keys, field.name))
        check_whole(f"The config's {getattr(keys, field.name)}", value, 1)
        sizes[field.name] = value
    hidden_size, num_heads = sizes["hidden_size"], sizes["num_heads"]
    if hidden_size % num_heads:
        raise InputError(f"The model's hidden size {hidden_size} is no multiple of its {num_heads} heads.")
    # What a config leaves out, transformers takes from its class.
    pad_token_id = config.get("pad_token_id", family.pad_token_id)
    if pad_token_id is None and not family.positions_follow_padding:
        pad_token_id = 0  # where positions do not follow it, it is never read
    encoder = Encoder(
        model_type=family.model_type,
        vocab_size=config.get("vocab_size", 0),
        embedding_size=config.get("embedding_size", hidden_size)
        if family.projects_embeddings
        else hidden_size,
        hidden_size=hidden_size,
        head_size=hidden_size // num_heads,
        max_position_embeddings=config.get("max_position_embeddings", 0),
        type_vocab_size=config.get("type_vocab_size", 2) if family.has_token_types else 0,
        pad_token_id=pad_token_id,
        layer_norm_eps=family.norm_eps or config.get("layer_norm_eps", 1e-12),
        task_name=task.name,
        num_labels=labels,
    )
    if sizes["num_layers"] > MOST_LAYERS:  # before anything is built as long as an untrusted number says
        raise InputError(
            f"The model's config has {sizes['num_layers']} layers; at most {MOST_LAYERS} are supported."
        )
    return encoder, ModelShape.uniform(sizes["num_layers"], num_heads, sizes["intermediate_size"])


def config_of(encoder: Encoder, shape: ModelShape) -> dict[str, Any]:
    """What the config of a model of these sizes says. Its heads are those before any cut; so are its
    activations, as far as `shape` tells."""
    family = encoder.family
    sizes: dict[str, Any] = {
        family.keys.hidden_size: encoder.hidden_size,
        family.keys.num_layers: len(shape.layers),
        family.keys.num_heads: encoder.hidden_size // encoder.head_size,
        family.keys.intermediate_size: max(1, *(layer.intermediate_size for layer in shape.layers)),
        "vocab_size": encoder.vocab_size,
        "max_position_embeddings": encoder.max_position_embeddings,
        "pad_token_id": encoder.pad_token_id,
    }
    if family.has_token_types:
        sizes["type_vocab_size"] = encoder.type_vocab_size
    if family.norm_eps is None:
        sizes["layer_norm_eps"] = encoder.layer_norm_eps
    if family.projects_embeddings:
        sizes["embedding_size"] = encoder.embedding_size
    if not encoder.task.labels:
        sizes["num_labels"] = encoder.num_labels
    return sizes
