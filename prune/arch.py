"""What is special to each architecture: the only file that knows where a model keeps its parts.

Strings and integers only, no torch: the graph builder reads it as well. A new architecture is one more
entry in ARCHITECTURES.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from prune.errors import InputError
from prune.shape import ModelShape


@dataclass(frozen=True)
class LayerParts:
    """Module paths of one encoder layer's parts, relative to that layer."""

    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str
    attention: str
    """The module that owns query, key and value."""


@dataclass(frozen=True)
class ConfigKeys:
    """Names under which a config holds the encoder's sizes and its activation."""

    hidden_size: str = "hidden_size"
    num_layers: str = "num_hidden_layers"
    num_heads: str = "num_attention_heads"
    intermediate_size: str = "intermediate_size"
    activation: str = "hidden_act"


@dataclass(frozen=True)
class Architecture:
    """Where one family of encoders keeps its parts in a `...ForQuestionAnswering` model."""

    model_type: str
    model_class: str
    """The stock class in transformers."""
    encoder: str
    """Attribute of the question-answering model that holds the encoder, e.g. "bert"."""
    layers: str
    """Path of the list of layers, relative to the encoder."""
    parts: LayerParts
    keys: ConfigKeys = ConfigKeys()
    positions_follow_padding: bool = False
    """RoBERTa: positions count non-pad tokens from pad_token_id + 1; pads stay at pad_token_id."""
    has_token_types: bool = True
    embeddings_project: str | None = None
    """ELECTRA: a projection from the embedding size to the hidden size, where the two differ."""
    norm_eps: float | None = None
    """A LayerNorm epsilon fixed in code; None: the config's layer_norm_eps."""

    @property
    def module(self) -> str:
        """Of transformers, where the class is."""
        name = self.model_type.replace("-", "_")
        return f"transformers.models.{name}.modeling_{name}"

    def layer(self, index: int) -> str:
        """Module path of layer `index` in the question-answering model."""
        return f"{self.encoder}.{self.layers}.{index}"


_BERT_PARTS = LayerParts(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attention_output="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    intermediate="intermediate.dense",
    output="output.dense",
    output_norm="output.LayerNorm",
    attention="attention.self",
)

_DISTILBERT_PARTS = LayerParts(
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attention_output="attention.out_lin",
    attention_norm="sa_layer_norm",
    intermediate="ffn.lin1",
    output="ffn.lin2",
    output_norm="output_layer_norm",
    attention="attention",
)


def _roberta(model_type: str, model_class: str) -> Architecture:
    return Architecture(
        model_type, model_class, "roberta", "encoder.layer", _BERT_PARTS, positions_follow_padding=True
    )


ARCHITECTURES: dict[str, Architecture] = {
    architecture.model_type: architecture
    for architecture in (
        Architecture("bert", "BertForQuestionAnswering", "bert", "encoder.layer", _BERT_PARTS),
        _roberta("roberta", "RobertaForQuestionAnswering"),
        _roberta("xlm-roberta", "XLMRobertaForQuestionAnswering"),
        _roberta("camembert", "CamembertForQuestionAnswering"),
        Architecture(
            "electra",
            "ElectraForQuestionAnswering",
            "electra",
            "encoder.layer",
            _BERT_PARTS,
            embeddings_project="embeddings_project",
        ),
        Architecture(
            "distilbert",
            "DistilBertForQuestionAnswering",
            "distilbert",
            "transformer.layer",
            _DISTILBERT_PARTS,
            ConfigKeys("dim", "n_layers", "n_heads", "hidden_dim", "activation"),
            has_token_types=False,
            norm_eps=1e-12,
        ),
    )
}


def architecture_of(model_type: object) -> Architecture:
    """The entry for a config's model_type; raises InputError naming it and the supported ones."""
    if not isinstance(model_type, str) or model_type not in ARCHITECTURES:
        supported = ", ".join(sorted(ARCHITECTURES))
        raise InputError(f"The model's architecture is {model_type!r}; supported are {supported}.")
    return ARCHITECTURES[model_type]


@dataclass(frozen=True)
class Encoder:
    """Every size of a question-answering encoder that cutting does not change.

    With a ModelShape, enough to build the whole graph; with random weights, to build its unpruned twin.
    """

    model_type: str
    vocab_size: int
    embedding_size: int
    hidden_size: int
    head_size: int
    max_position_embeddings: int
    type_vocab_size: int
    """Rows of the token type table; 0 where the architecture has none."""
    pad_token_id: int
    layer_norm_eps: float

    def __post_init__(self) -> None:
        architecture_of(self.model_type)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "model_type":
                continue
            if field.name == "layer_norm_eps":
                if not isinstance(value, float) or not 0 < value < 1:
                    raise InputError(f"The encoder's layer_norm_eps is {value!r}; expected a small number.")
            elif type(value) is not int or value < (0 if field.name in _MAY_BE_ZERO else 1):
                raise InputError(
                    f"The encoder's {field.name} is {value!r}; expected a positive whole number."
                )
        if self.embedding_size != self.hidden_size and not self.architecture.embeddings_project:
            raise InputError(
                f"The encoder embeds in {self.embedding_size} dimensions and computes in {self.hidden_size}; "
                f"{self.model_type} has no projection between the two."
            )

    @property
    def architecture(self) -> Architecture:
        """Where this encoder's family keeps its parts."""
        return ARCHITECTURES[self.model_type]

    @property
    def takes_token_types(self) -> bool:
        """Whether token types are an input: only where there is a choice of them."""
        return self.type_vocab_size > 1

    @property
    def max_length(self) -> int:
        """Longest sequence the position table can serve, in tokens."""
        lost = self.pad_token_id + 1 if self.architecture.positions_follow_padding else 0
        return self.max_position_embeddings - lost

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> "Encoder":
        """Inverse of `to_dict`; raises InputError naming what is wrong with untrusted `data`."""
        names = {field.name for field in fields(cls)}
        if not isinstance(data, Mapping) or set(data) != names:
            came = sorted(data) if isinstance(data, Mapping) else type(data).__name__
            raise InputError(f"An encoder description has {came}; expected {sorted(names)}.")
        return cls(**data)


MOST_LAYERS = 1000

_MAY_BE_ZERO = {"type_vocab_size", "pad_token_id"}


def encoder_of(config: Mapping[str, Any]) -> tuple[Encoder, ModelShape]:
    """Read a transformers config (as a dict) into its Encoder and the shape of the *uncut* model.

    Raises InputError, by name, for what the graph builder would get wrong: an unsupported architecture, an
    activation other than exact GELU, relative positions, a decoder, cross-attention, a labels count not 2.
    """
    architecture = architecture_of(config.get("model_type"))
    keys = architecture.keys
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
    if labels != 2:
        raise InputError(
            f"The model tells {labels} labels apart; answering questions takes two, start and end."
        )
    sizes = {}
    for field in fields(keys):
        if field.name == "activation":
            continue
        value = config.get(getattr(keys, field.name))
        if type(value) is not int or value < 1:
            raise InputError(
                f"The model's config has {getattr(keys, field.name)} {value!r}; expected a positive number."
            )
        sizes[field.name] = value
    hidden_size, num_heads = sizes["hidden_size"], sizes["num_heads"]
    if hidden_size % num_heads:
        raise InputError(f"The model's hidden size {hidden_size} is no multiple of its {num_heads} heads.")
    # What a config leaves out, transformers takes from its class: RoBERTa's pads are 1, the others' 0.
    pad_token_id = config.get("pad_token_id", int(architecture.positions_follow_padding))
    if pad_token_id is None and not architecture.positions_follow_padding:
        pad_token_id = 0  # where positions do not follow it, it is never read
    encoder = Encoder(
        model_type=architecture.model_type,
        vocab_size=config.get("vocab_size", 0),
        embedding_size=config.get("embedding_size", hidden_size)
        if architecture.embeddings_project
        else hidden_size,
        hidden_size=hidden_size,
        head_size=hidden_size // num_heads,
        max_position_embeddings=config.get("max_position_embeddings", 0),
        type_vocab_size=config.get("type_vocab_size", 2) if architecture.has_token_types else 0,
        pad_token_id=pad_token_id,
        layer_norm_eps=architecture.norm_eps or config.get("layer_norm_eps", 1e-12),
    )
    if sizes["num_layers"] > MOST_LAYERS:  # before anything is built as long as an untrusted number says
        raise InputError(
            f"The model's config has {sizes['num_layers']} layers; at most {MOST_LAYERS} are supported."
        )
    return encoder, ModelShape.uniform(sizes["num_layers"], num_heads, sizes["intermediate_size"])
