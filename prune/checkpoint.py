"""Model directories in and out: stock config.json with the per-layer shape, safetensors, tokenizer.

A cut model is an instance of the stock transformers class whose Linears are narrower, so that everything
made for that class works on it; only building one anew needs to know the shape (prune.stock).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
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
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from prune.families.config import config_of
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, shape_of
from prune.shape import ModelShape
from prune.source import SHAPE_KEY, Source, open_source
from prune.stock import stock_class
from prune.tasks.question_answering.library_faults import braced, library_faults
from prune.tasks.question_answering.reader import Reader, backend_of, reader_of
from prune.tasks.question_answering.sampling import set_noise_aside
from prune.tasks.question_answering.tokenizer_file import (
    TOKENIZER_FILE,
    TokenizerFile,
    check_backend,
    load_reader,
    read_alike,
    read_tokenizer_file,
)
from trellis.errors import InputError
from trellis.files.json_file import write_json
from trellis.files.replace import replace_directory
from trellis.files.scratch import scratch

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
    """Load a model, cut or whole, in float32 and eval mode. Raises InputError."""
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
        loaded: PreTrainedModel = stock_class(source.encoder).from_pretrained(
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


def load_tokenizer(
    directory: Path, encoder: Encoder, config: PretrainedConfig | None = None
) -> PreTrainedTokenizerBase:
    """The model's own tokenizer, for a model with that encoder: it reads as its tokenizer.json says.

    transformers builds many anew from the class that a config names, or that goes with the model, and takes little
    but the vocabulary from tokenizer.json. Where that gives other tokens, it is the file that counts: what such
    tokenizers are, and what `prune.tasks.question_answering.tokenizer_file` makes of them. Raises
    InputError where the directory holds none that works, or one that is not for this encoder.

    `config` is the model's, where it is known already: a fault of config.json is then none of the tokenizer's.
    """
    if not any((directory / name).is_file() for name in _VOCABULARIES):  # transformers 5 would make one up
        raise InputError(
            f"{directory} holds no tokenizer; copy tokenizer.json and tokenizer_config.json from the "
            "model's source."
        )
    if not (directory / TOKENIZER_FILE).is_file():
        return _converted(directory, config, encoder)
    reader, alike = load_reader(directory, encoder), False
    try:
        with library_faults("{reason}", quiet=True):
            tokenizer = _as_transformers_has_it(directory, config)
            alike = tokenizer.is_fast and read_alike(reader, reader_of(tokenizer))
    except Exception:  # transformers raises anything, from what its class makes of such a file
        alike = False
    alike = alike and _saved_alike(tokenizer, reader, encoder)
    if not alike:
        tokenizer = _as_the_file_has_it(read_tokenizer_file(directory, encoder))
    if tokenizer.pad_token_id is None:
        raise InputError(
            f"The tokenizer in {directory} has no padding token; set pad_token in its tokenizer_config.json."
        )
    return tokenizer


def _converted(directory: Path, config: PretrainedConfig | None, encoder: Encoder) -> PreTrainedTokenizerBase:
    """What transformers makes of a vocabulary in another form."""
    pieces = next((path for path in sorted(directory.glob("*.model")) if path.name in _VOCABULARIES), None)
    if pieces and not find_spec("sentencepiece"):
        raise InputError(
            f"{directory} has its tokenizer in {pieces.name} alone, which needs sentencepiece to be read; install it: "
            "pip install sentencepiece, or add the tokenizer.json from the model's source."
        )
    with library_faults(
        f"{braced(directory)} holds no usable tokenizer ({{reason}}); copy tokenizer.json and "
        "tokenizer_config.json from the model's source.",
        quiet=True,
    ):
        tokenizer = _as_transformers_has_it(directory, config)
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        raise InputError(
            f"The tokenizer in {directory} is no fast tokenizer with a pad token; one is needed."
        )
    check_backend(backend_of(tokenizer), encoder, f"The tokenizer in {directory}")
    return tokenizer


def _saved_alike(tokenizer: PreTrainedTokenizerBase, reader: Reader, encoder: Encoder) -> bool:
    """Whether what will lie beside the exported graph reads as `reader`. Raises OSError where there is no room."""
    with scratch() as place:
        try:
            with library_faults("{reason}", quiet=True):
                tokenizer.save_pretrained(place)
                return read_alike(reader, load_reader(place, encoder))
        except InputError:
            # the disk may be at fault, of which each library speaks in its own way: here Python would say so
            (place / "probe").write_text(backend_of(tokenizer).to_str(), encoding="utf-8")
            return False


def _as_transformers_has_it(directory: Path, config: PretrainedConfig | None) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        directory, config=config, local_files_only=True, trust_remote_code=False
    )
    if tokenizer.is_fast:
        set_noise_aside(backend_of(tokenizer))
    return tokenizer


def _as_the_file_has_it(file: TokenizerFile) -> PreTrainedTokenizerBase:
    """A tokenizer of no class, which is saved, and loaded again, as it is."""
    types = ["token_type_ids"] if file.has_token_types else []
    tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast(
        tokenizer_object=file.backend,
        model_input_names=["input_ids", *types, "attention_mask"],
        clean_up_tokenization_spaces=False,
        **file.roles,
    )
    return tokenizer


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
    model: PreTrainedModel = stock_class(encoder)(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        parameter.data.normal_(0, encoder.hidden_size**-0.5, generator=generator)
        if parameter.ndim == 1 and name.endswith("weight"):  # a LayerNorm's
            parameter.data += 1
    model.train(False)
    return model
