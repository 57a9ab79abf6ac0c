"""Configs of transformers: what is read out of them, and what is refused by name."""

from typing import Any

import pytest
from support import tiny
from transformers import AutoConfig

from prune.families.config import encoder_of
from prune.families.encoder import Encoder
from prune.shape import MOST_LAYERS
from trellis.errors import InputError


def config(of: str = "bert", **changes: Any) -> dict[str, Any]:
    return tiny.model(of).config.to_dict() | changes


@pytest.mark.parametrize("model_type", ["roberta", "xlm-roberta", "camembert", "bert", "distilbert"])
def test_a_config_that_leaves_the_pad_token_out_means_its_default(model_type: str) -> None:
    written = {key: value for key, value in config(model_type).items() if key != "pad_token_id"}
    read = encoder_of(written)[0]
    assert read.pad_token_id == AutoConfig.for_model(model_type).pad_token_id


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"model_type": "t5"},
            "architecture is 't5'; supported are bert, camembert, distilbert, electra, rob",
        ),
        ({"model_type": None}, "architecture is None"),
        ({"model_type": ["bert"]}, "architecture is .'bert'."),
        ({"hidden_act": "gelu_new"}, "activation is 'gelu_new'; only the exact 'gelu'"),
        ({"hidden_act": None}, "activation is None"),
        ({"position_embedding_type": "relative_key"}, "position embeddings are 'relative_key'"),
        ({"is_decoder": True}, "configured as a decoder"),
        ({"add_cross_attention": True}, "cross-attention"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0; expected a whole number of at least 1"),
        ({"num_attention_heads": 3}, "hidden size 16 is no multiple of its 3 heads"),
        ({"intermediate_size": "12"}, "intermediate_size is '12'"),
        ({"num_hidden_layers": MOST_LAYERS + 1}, "config has 1025 layers; at most 1024 are supported"),
        ({"num_hidden_layers": None}, "num_hidden_layers is None"),
        ({"vocab_size": -5}, "vocab_size is -5"),
        ({"max_position_embeddings": 1.5}, "max_position_embeddings is 1.5"),
        ({"layer_norm_eps": 2.0}, "layer_norm_eps is 2.0"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps is 'small'"),
        ({"layer_norm_eps": None}, "layer_norm_eps is None"),
        ({"pad_token_id": -1}, "pad_token_id is -1"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "tells 3 labels apart; .* 2: start and end"),
        ({"num_labels": 5, "id2label": None}, "tells 5 labels apart"),
    ],
)
def test_what_would_be_computed_wrongly_is_refused_by_name(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        encoder_of(config(**changes))


def test_as_many_layers_as_a_shape_may_have_are_read() -> None:
    assert len(encoder_of(config(num_hidden_layers=MOST_LAYERS))[1].layers) == MOST_LAYERS


@pytest.mark.parametrize(
    ("model_type", "longest"),
    [
        ("bert", 64),
        ("electra", 64),
        ("distilbert", 64),
        ("roberta", 62),
        ("xlm-roberta", 62),
        ("camembert", 62),
    ],
)
def test_positions_that_follow_padding_leave_less_room_for_tokens(model_type: str, longest: int) -> None:
    assert tiny.encoder(model_type).max_length == longest


def test_distilberts_own_names_are_read() -> None:
    with pytest.raises(InputError, match="activation is 'relu'"):
        encoder_of(config("distilbert", activation="relu"))
    with pytest.raises(InputError, match="n_heads is 0"):
        encoder_of(config("distilbert", n_heads=0))


def test_robertas_without_a_pad_token_are_refused() -> None:
    with pytest.raises(InputError, match="pad_token_id is None"):
        encoder_of(config("roberta", pad_token_id=None))


def test_only_electra_may_embed_in_other_dimensions() -> None:
    assert encoder_of(config("electra"))[0].embedding_size == 8
    with pytest.raises(InputError, match="embeds in 8 dimensions and computes in 16; bert has no projection"):
        tiny.encoder("bert", embedding_size=8)


@pytest.mark.parametrize("data", [None, [], {}, {"model_type": "bert"}])
def test_an_encoder_description_is_complete(data: object) -> None:
    with pytest.raises(InputError, match="An encoder description has"):
        Encoder.from_dict(data)


@pytest.mark.parametrize(("rows", "taken"), [(0, False), (1, False), (2, True), (3, True)])
def test_token_types_are_an_input_where_there_is_a_choice(rows: int, taken: bool) -> None:
    assert tiny.encoder("bert", type_vocab_size=rows).takes_token_types is taken
