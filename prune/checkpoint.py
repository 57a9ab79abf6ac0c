"""Model directories in and out: stock config.json with the per-layer shape, safetensors, tokenizer.

A cut model is an instance of the stock transformers class whose Linears are narrower, so that everything
made for that class works on it; only building one anew needs to know the shape (prune.stock).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from logging import CRITICAL
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from prune.errors import InputError
from prune.families.config import config_of
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, shape_of
from prune.qa.json_file import write_json
from prune.shape import ModelShape
from prune.source import SHAPE_KEY, Source, open_source
from prune.staging import replace_directory
from prune.stock import stock_class

_SAYS_NOTHING = {"_name_or_path", "transformers_version", "architectures"}
"""Of a config: what may differ between equal models."""

_CHANGES_THE_FORM = {
    "return_dict",
    "use_return_dict",
    "output_attentions",
    "output_hidden_states",
    "torchscript",
    "chunk_size_feed_forward",
}
"""Of a config: how outputs come, and how much is computed at once; never what is computed."""

_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")


def quiet() -> None:
    """Keep transformers' own bars and words out of a command's output: what is wrong is raised, and told by us."""
    logging.set_verbosity(CRITICAL)
    logging.disable_progress_bar()


def load(model: str | Path, *, revision: str | None = None) -> PreTrainedModel:
    """Load a question-answering model, cut or whole, in float32 and eval mode. Raises InputError."""
    return load_source(open_source(str(model), revision=revision))


def weights_digest(model: PreTrainedModel) -> str:
    """Names the model by what it computes: its config, and the name, shape and bytes of each of its tensors."""
    config = {key: value for key, value in model.config.to_dict().items() if key not in _SAYS_NOTHING}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def checked_config(source: Source) -> PretrainedConfig:
    """transformers' own config of an already checked model directory. Raises InputError where it will not have it.

    What would change the form of a model's outputs, or cut its computation into pieces, is left out.
    """
    plain = {key: value for key, value in source.config.items() if key not in _CHANGES_THE_FORM}
    try:
        kind = type(AutoConfig.for_model(source.encoder.model_type))
        config: PretrainedConfig = kind.from_dict(plain)
        return config
    except Exception as error:  # anything from its own validation errors to AttributeError
        raise _unbuildable(source, error) from error


def load_source(source: Source) -> PreTrainedModel:
    """Load the weights of an already checked model directory, in float32 and eval mode.

    Raises InputError where transformers will not have the rest of its config, or builds another model by it.
    """
    config = checked_config(source)
    try:
        loaded: PreTrainedModel = stock_class(source.encoder.family).from_pretrained(
            source.directory, config=config, use_safetensors=True, dtype=torch.float32, local_files_only=True
        )
        built = (*encoder_and_original(loaded), shape_of(loaded))
    except Exception as error:
        raise _unbuildable(source, error) from error
    if built != (source.encoder, source.original_shape, source.shape):
        raise InputError(
            f"transformers reads other sizes than these from {source.directory / 'config.json'}, as of a field that "
            "stands there under two names; restore it from the model's source."
        )
    return loaded


def _unbuildable(source: Source, error: Exception) -> InputError:
    return InputError(
        f"transformers cannot build the model that {source.directory} describes ({_reason(error)}); "
        "restore its config.json from the model's source."
    )


def load_tokenizer(directory: Path, config: PretrainedConfig | None = None) -> PreTrainedTokenizerBase:
    """The model's own tokenizer. Raises InputError where the directory holds none that works.

    `config` is the model's, where it is known already: a fault of config.json is then none of the tokenizer's.
    """
    if not any((directory / name).is_file() for name in _VOCABULARIES):  # transformers 5 would make one up
        raise InputError(
            f"{directory} holds no tokenizer; copy tokenizer.json and tokenizer_config.json from the "
            "model's source."
        )
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            directory, config=config, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # transformers raises anything from OSError to its backend's own panics
        raise InputError(
            f"{directory} holds no usable tokenizer ({_reason(error)}); copy tokenizer.json and "
            "tokenizer_config.json from the model's source."
        ) from error
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        raise InputError(
            f"The tokenizer in {directory} is no fast tokenizer with a pad token; one is needed."
        )
    return tokenizer


def check_vocabulary(tokenizer: PreTrainedTokenizerBase, encoder: Encoder, name: str) -> None:
    """Raise InputError where the tokenizer of model `name` knows more tokens than the encoder embeds."""
    if len(tokenizer) > encoder.vocab_size:
        raise InputError(
            f"The tokenizer of {name} has {len(tokenizer)} tokens and the model embeds "
            f"{encoder.vocab_size}; give the model the tokenizer it was trained with."
        )


def save(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    directory: Path,
    *,
    beside: Mapping[str, Any] | None = None,
) -> None:
    """Write a model directory, whole or not at all; `load` reads it back, and so does AutoModel.

    `beside` holds further JSON files, name → value. A model that lies there is replaced. Raises InputError
    where `directory` holds anything else, and where nothing can be written.
    """
    if directory.is_dir() and not _holds_only_a_model(directory):
        raise InputError(f"{directory} exists and holds more than a model; name a new directory.")
    with replace_directory(directory) as staging:
        model.save_pretrained(staging)
        if tokenizer is not None:
            tokenizer.save_pretrained(staging)
        for name, value in (beside or {}).items():
            write_json(staging / name, value, indent=2)


_PART_OF_A_MODEL = re.compile(
    r"(generation_)?config\.json|model.*\.safetensors(\.index\.json)?|README\.md"
    r"|(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|decoding|provenance)\.json"
    r"|(vocab|merges)\.txt|chat_template\.jinja"
)
"""Files that `save` writes, or that models of the hub come with."""


def _holds_only_a_model(directory: Path) -> bool:
    entries = list(directory.iterdir())
    parts = [entry.name for entry in entries if entry.is_file() and _PART_OF_A_MODEL.fullmatch(entry.name)]
    return not entries or (len(parts) == len(entries) and "config.json" in parts)


def _reason(error: Exception) -> str:
    """What an error says on one line, or its name where it says nothing."""
    return shorten(str(error), 200, placeholder=" ...") or type(error).__name__


def random_model(encoder: Encoder, shape: ModelShape, *, seed: int = 0) -> PreTrainedModel:
    """A model of the given sizes with random weights, in eval mode: fit for parity and for timing."""
    sizes = config_of(encoder, shape)
    config = AutoConfig.for_model(encoder.model_type, **sizes, **{SHAPE_KEY: shape.to_dict()})
    model: PreTrainedModel = stock_class(encoder.family)(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        parameter.data.normal_(0, encoder.hidden_size**-0.5, generator=generator)
        if parameter.ndim == 1 and name.endswith("weight"):  # a LayerNorm's
            parameter.data += 1
    model.train(False)
    return model
