"""What is special to one family of encoders: what its file in this folder says.

Strings and numbers only, no torch: the graph writers and the light commands read it as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prune.families.block import Block


@dataclass(frozen=True)
class ConfigKeys:
    """Names under which a config holds the encoder's sizes and its activation."""

    hidden_size: str = "hidden_size"
    num_layers: str = "num_hidden_layers"
    num_heads: str = "num_attention_heads"
    intermediate_size: str = "intermediate_size"
    activation: str = "hidden_act"


@dataclass(frozen=True)
class TokenizerClass:
    """What is special to a class of tokenizers in transformers."""

    name: str = ""
    resets: Literal["BertNormalizer", "ByteLevel"] | None = None
    """What it sets anew from tokenizer_config.json, whatever tokenizer.json says."""
    gives_token_types: bool = True
    """Whether it hands out token types unless told not to."""


@dataclass(frozen=True)
class Family:
    """Where a model keeps the parts of its encoder, and what is special about reading and loading it."""

    model_type: str
    """As configs call it."""
    module: str
    """Where its classes are."""
    classes: str
    """What their names begin with, e.g. "Bert"."""
    encoder: str
    """Attribute of the model that holds the encoder, e.g. "bert"."""
    embeddings: Mapping[str, str]
    """Paths, relative to the encoder, of the tables "word", "position" and, where there are types,
    "token_type", of their "norm", and of a Linear "project" where embeddings may have a size of their own."""
    layers: str
    """Path of the list of layers, relative to the encoder."""
    block: Block
    """What the layers are."""
    parts: Mapping[str, str]
    """For each part of the block its path, relative to the layer."""
    attention: str
    """Path, relative to the layer, of the module that attends; without heads it is replaced."""
    head_counts: tuple[str, str] = ("num_attention_heads", "all_head_size")
    """Its attributes that say how many heads it has and how wide they are together. transformers 4 computes with
    them; 5 asks the Linears."""
    keys: ConfigKeys = ConfigKeys()
    positions_follow_padding: bool = False
    """Positions count non-pad tokens from pad_token_id + 1; pads stay at pad_token_id."""
    pad_token_id: int = 0
    """The pad token of a config that names none."""
    norm_eps: float | None = None
    """A LayerNorm epsilon fixed in code; None: the config's layer_norm_eps."""
    tokenizer: TokenizerClass = TokenizerClass()
    """What transformers takes where tokenizer_config.json names no class."""

    @property
    def has_token_types(self) -> bool:
        """Whether there are embeddings of token types."""
        return "token_type" in self.embeddings

    @property
    def projects_embeddings(self) -> bool:
        """Whether embeddings may have another size than what the layers compute in."""
        return "project" in self.embeddings

    @property
    def projection(self) -> str | None:
        """Name within `attention` of the Linear that projects the heads' context; None where it stands outside."""
        path, inside = self.parts[self.block.reader("heads")], f"{self.attention}."
        return path.removeprefix(inside) if path.startswith(inside) else None

    def layer(self, index: int) -> str:
        """Path of layer `index` in a model with a head."""
        return f"{self.encoder}.{self.layers}.{index}"
