"""Encoders of every family and a tokenizer, small enough to be built anew in each test."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from prune.checkpoint import random_model
from prune.families import FAMILIES
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, shape_of
from prune.loaded_model import LoadedModel
from prune.plan import Kept, Plan, keep_all
from prune.shape import ModelShape
from prune.source import Source
from prune.tasks.question_answering.settings import DecodingSettings

MODEL_TYPES = tuple(FAMILIES)
NUM_LAYERS, NUM_HEADS, HEAD_SIZE, INTERMEDIATE_SIZE = 2, 4, 4, 12
VOCAB_SIZE = 150
WHOLE = ModelShape.uniform(NUM_LAYERS, NUM_HEADS, INTERMEDIATE_SIZE)
UNEVEN = Plan(((0, 2, 3), ()), ((), (1, 4, 5, 11)))
"""Leaves the first layer three heads and no activations, the second no heads and four activations."""
EMPTY = Plan(((), ()), ((), ()))

torch.set_num_threads(1)


def encoder(model_type: str = "bert", **sizes: Any) -> Encoder:
    """Four heads of size 4; ELECTRA embeds in fewer dimensions than it computes in."""
    family = FAMILIES[model_type]
    defaults: dict[str, Any] = {
        "model_type": model_type,
        "vocab_size": VOCAB_SIZE,
        "embedding_size": 8 if family.projects_embeddings else NUM_HEADS * HEAD_SIZE,
        "hidden_size": NUM_HEADS * HEAD_SIZE,
        "head_size": HEAD_SIZE,
        "max_position_embeddings": 64,
        "type_vocab_size": (1 if family.positions_follow_padding else 2) * family.has_token_types,
        "pad_token_id": family.pad_token_id,
        "layer_norm_eps": 1e-12,
    }
    return Encoder(**(defaults | sizes))


def model(
    model_type: str = "bert", shape: ModelShape = WHOLE, *, seed: int = 0, **sizes: Any
) -> PreTrainedModel:
    """Random weights of such sizes that every head and every activation matters to the logits."""
    return random_model(encoder(model_type, **sizes), shape, seed=seed)


def batch_for(
    model: PreTrainedModel, lengths: tuple[int, ...] = (9, 4, 1), *, seed: int = 0
) -> dict[str, Tensor]:
    """Random token ids, [len(lengths), longest], padded on the right, with token types where they differ."""
    sizes, _ = encoder_and_original(model)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(
        sizes.pad_token_id + 1, sizes.vocab_size, (len(lengths), max(lengths)), generator=generator
    )
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    batch = {"input_ids": torch.where(mask == 1, ids, sizes.pad_token_id), "attention_mask": mask}
    if sizes.type_vocab_size > 1:
        batch["token_type_ids"] = mask * (torch.arange(max(lengths)) >= max(lengths) // 2)
    return batch


def labelled(batch: dict[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """The same batch with an answer in each row: start_positions and end_positions, [batch]."""
    generator = np.random.default_rng(seed)
    drawn = [generator.integers(0, int(row.sum()), 2) for row in batch["attention_mask"]]
    starts, ends = torch.from_numpy(np.sort(np.array(drawn))).T
    return batch | {"start_positions": starts, "end_positions": ends}


@torch.no_grad()
def logits(model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """[2, batch, seq]: start and end, zero where the input is padding."""
    output = model(**batch)
    return torch.stack([output.start_logits, output.end_logits]) * batch["attention_mask"]


@st.composite
def plans(draw: st.DrawFn, shape: ModelShape = WHOLE) -> Plan:
    """Any units of `shape` kept: all, none, or a subset, in each sublayer by itself."""

    def kept(size: int) -> tuple[int, ...]:
        everything = tuple(range(size))
        subsets = st.sets(st.integers(0, max(size - 1, 0))).map(
            lambda units: tuple(sorted(units & set(everything)))
        )
        return draw(st.one_of(st.just(everything), st.just(()), subsets))

    return Plan(
        tuple(kept(layer.num_heads) for layer in shape.layers),
        tuple(kept(layer.intermediate_size) for layer in shape.layers),
    )


Units = set[tuple[int, int]]
"""Pairs (layer, index)."""


def without(model: PreTrainedModel, *, heads: Units, intermediate: Units) -> Plan:
    """The plan that removes just the units named."""
    whole = keep_all(shape_of(model))

    def rest(kept: Kept, gone: Units) -> Kept:
        return tuple(
            tuple(unit for unit in units if (layer, unit) not in gone) for layer, units in enumerate(kept)
        )

    return Plan(rest(whole.heads, heads), rest(whole.intermediate, intermediate))


def tokenizer(text: list[str]) -> PreTrainedTokenizerFast:
    """As BERT's, with the words of `text` for its vocabulary; training one would break ties by chance."""
    splitter, normalizer = pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer()
    words = {word for line in text for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(line))}
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted(words)]
    assert len(vocabulary) <= VOCAB_SIZE
    wordpiece = Tokenizer(
        models.WordPiece({word: index for index, word in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    wordpiece.normalizer = normalizer
    wordpiece.pre_tokenizer = splitter
    wordpiece.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=wordpiece,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def subject(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: DecodingSettings
) -> LoadedModel:
    """A model that came from nowhere, as the rest of the road takes it."""
    sizes, original = encoder_and_original(model)
    source = Source("tiny", Path("tiny"), {}, sizes, shape_of(model), original, ())
    return LoadedModel(source, model, tokenizer, settings)


def same_weights(first: PreTrainedModel, second: PreTrainedModel) -> bool:
    """Whether class, names and weights are equal, the last to the bit."""
    ours, theirs = first.state_dict(), second.state_dict()
    return (
        type(first) is type(second)
        and list(ours) == list(theirs)
        and all(torch.equal(ours[key], theirs[key]) for key in ours)
    )
