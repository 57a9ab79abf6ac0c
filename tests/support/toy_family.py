"""A family that is in no release of transformers: a small model class whose names are all its own.

What a family has to say stands in TOY; nothing but this file and the registry knows of it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import QuestionAnsweringModelOutput

from prune.families import FAMILIES
from prune.families.block import POST_NORM
from prune.families.family import ConfigKeys, Family
from prune.stock import teach_when_imported

TOY = Family(
    model_type="toy",
    module=__name__,
    classes="Toy",
    encoder="reader",
    embeddings={"word": "words", "position": "places", "token_type": "sorts", "norm": "first_norm"},
    layers="stack",
    block=POST_NORM,
    parts={
        "attention/query": "mixer.ask",
        "attention/key": "mixer.offer",
        "attention/value": "mixer.give",
        "attention/output": "mixer.gather",
        "attention/norm": "mixed_norm",
        "ffn/intermediate": "widen",
        "ffn/output": "narrow",
        "ffn/norm": "narrowed_norm",
    },
    attention="mixer",
    head_counts=("crowd", "span"),
    keys=ConfigKeys("width", "depth", "crowd", "reach", "bend"),
    norm_eps=1e-6,
)


@contextmanager
def registered() -> Iterator[None]:
    """The toy is one of the families within."""
    if not hasattr(ToyForQuestionAnswering.__init__, "__wrapped__"):
        AutoConfig.register("toy", ToyConfig)
        teach_when_imported([TOY])
    FAMILIES["toy"] = TOY
    try:
        yield
    finally:
        del FAMILIES["toy"]


class ToyConfig(PretrainedConfig):
    """Sizes under the toy's own names."""

    model_type = "toy"

    def __init__(
        self, width: int = 8, depth: int = 1, crowd: int = 2, reach: int = 8, bend: str = "gelu", **rest: Any
    ) -> None:
        self.width, self.depth, self.crowd, self.reach, self.bend = width, depth, crowd, reach, bend
        self.vocab_size = rest.pop("vocab_size", 32)
        self.max_position_embeddings = rest.pop("max_position_embeddings", 16)
        self.type_vocab_size = rest.pop("type_vocab_size", 2)
        self.initializer_range = rest.pop("initializer_range", 0.02)
        super().__init__(**{"pad_token_id": 0} | rest)


class ToyMixer(nn.Module):
    """Self-attention that projects its own context."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.crowd, self.span = config.crowd, config.width
        self.ask, self.offer, self.give, self.gather = (
            nn.Linear(config.width, config.width) for _ in range(4)
        )

    def forward(self, *, states: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        query, key, value = (
            linear(states).unflatten(-1, (self.crowd, -1)).transpose(1, 2)
            for linear in (self.ask, self.offer, self.give)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(self.span // self.crowd)
        shares = scores.masked_fill(~visible[:, None, None], -1e9).softmax(-1)
        context = (shares @ value).transpose(1, 2).reshape(*states.shape[:2], self.span)
        return self.gather(context), shares


class ToyLayer(nn.Module):
    """Attention and feed-forward, each with its residual and norm."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.mixer, self.mixed_norm = ToyMixer(config), nn.LayerNorm(config.width, eps=1e-6)
        self.widen, self.narrow = (
            nn.Linear(config.width, config.reach),
            nn.Linear(config.reach, config.width),
        )
        self.narrowed_norm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, states: Tensor, visible: Tensor) -> Tensor:
        mixed, _ = self.mixer(states=states, visible=visible)
        states = self.mixed_norm(states + mixed)
        return self.narrowed_norm(states + self.narrow(nn.functional.gelu(self.widen(states))))


class ToyReader(nn.Module):
    """The encoder."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.width)
        self.places = nn.Embedding(config.max_position_embeddings, config.width)
        self.sorts = nn.Embedding(config.type_vocab_size, config.width)
        self.first_norm = nn.LayerNorm(config.width, eps=1e-6)
        self.stack = nn.ModuleList(ToyLayer(config) for _ in range(config.depth))

    def forward(self, input_ids: Tensor, visible: Tensor, token_type_ids: Tensor) -> Tensor:
        places = self.places(torch.arange(input_ids.shape[1]))
        states = self.first_norm(self.words(input_ids) + places + self.sorts(token_type_ids))
        for layer in self.stack:
            states = layer(states, visible)
        return states


class ToyForQuestionAnswering(PreTrainedModel):
    """Start and end logits of the encoder's states."""

    config_class = ToyConfig
    base_model_prefix = "reader"

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.reader, self.qa_outputs = ToyReader(config), nn.Linear(config.width, 2)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        **_: Any,
    ) -> QuestionAnsweringModelOutput:
        visible = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        start, end = self.qa_outputs(self.reader(input_ids, visible == 1, types)).unbind(-1)
        return QuestionAnsweringModelOutput(start_logits=start, end_logits=end)
