"""Encoder: every size of a model that cutting leaves as it is."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from prune.families import FAMILIES, family_of
from prune.families.block import Side
from prune.families.family import Family
from prune.shape import LayerShape
from prune.tasks import task_of
from prune.tasks.head import Head
from prune.tasks.task import Task
from trellis.bounds import check_whole
from trellis.errors import InputError


@dataclass(frozen=True)
class Encoder:
    """Every size of an encoder and the head on it that cutting does not change.

    With a ModelShape, enough to build the whole graph; with random weights, to build its unpruned twin.
    """

    model_type: str
    vocab_size: int
    embedding_size: int
    hidden_size: int
    head_size: int
    max_position_embeddings: int
    type_vocab_size: int
    """Rows of the token type table; 0 where the family has none."""
    pad_token_id: int
    layer_norm_eps: float
    task_name: str = "question-answering"
    num_labels: int = 2
    """How many the head tells apart."""

    def __post_init__(self) -> None:
        family_of(self.model_type)
        task_of(self.task_name)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _NAMES:
                continue
            if field.name == "layer_norm_eps":
                if not isinstance(value, float) or not 0 < value < 1:
                    raise InputError(f"The encoder's layer_norm_eps is {value!r}; expected a small number.")
            else:
                check_whole(f"The encoder's {field.name}", value, 0 if field.name in _MAY_BE_ZERO else 1)
        self.task.check_labels(self.num_labels)
        if self.pad_token_id >= self.vocab_size:
            raise InputError(
                f"The encoder's pad_token_id is {self.pad_token_id}, and it has embeddings for {self.vocab_size} "
                "tokens only."
            )
        if self.max_length < 1:
            raise InputError(
                f"The encoder's max_position_embeddings are {self.max_position_embeddings}, which leaves none for a "
                f"text: positions begin behind the pad token's id, {self.pad_token_id}."
            )
        if self.embedding_size != self.hidden_size and not self.family.projects_embeddings:
            raise InputError(
                f"The encoder embeds in {self.embedding_size} dimensions and computes in {self.hidden_size}; "
                f"{self.model_type} has no projection between the two."
            )

    @property
    def family(self) -> Family:
        """What this encoder is one of."""
        return FAMILIES[self.model_type]

    @property
    def task(self) -> Task:
        """What the model is fine-tuned to do."""
        return task_of(self.task_name)

    @property
    def head(self) -> Head:
        """What stands on the encoder."""
        return self.task.head(self.family)

    @property
    def takes_token_types(self) -> bool:
        """Whether token types are an input: only where there is a choice of them."""
        return self.type_vocab_size > 1

    @property
    def max_length(self) -> int:
        """Longest sequence the position table can serve, in tokens."""
        lost = self.pad_token_id + 1 if self.family.positions_follow_padding else 0
        return self.max_position_embeddings - lost

    def sides(self, layer: LayerShape) -> dict[Side, int]:
        """How long each side of a weight is in a layer of that shape."""
        return {
            "hidden": self.hidden_size,
            "heads": layer.num_heads * self.head_size,
            "activations": layer.intermediate_size,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON. What is usual of a head goes unsaid, as in files from before there were others."""
        return {name: value for name, value in asdict(self).items() if _USUAL.get(name) != value}

    @classmethod
    def from_dict(cls, data: Any) -> "Encoder":
        """Inverse of `to_dict`; raises InputError naming what is wrong with untrusted `data`."""
        names = {field.name for field in fields(cls)} - _USUAL.keys()
        if not isinstance(data, Mapping) or set(data) - _USUAL.keys() != names:
            came = sorted(data) if isinstance(data, Mapping) else type(data).__name__
            raise InputError(f"An encoder description has {came}; expected {sorted(names)}.")
        return cls(**data)


_NAMES = {"model_type", "task_name"}
_MAY_BE_ZERO = {"type_vocab_size", "pad_token_id"}
_USUAL = {field.name: field.default for field in fields(Encoder) if field.default is not MISSING}
