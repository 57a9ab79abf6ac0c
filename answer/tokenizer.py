"""The tokenizer of an exported folder through `tokenizers` alone, reading text as transformers would.

tokenizer.json holds the whole tokenizer, as it was when it was saved. transformers trusts it less: where
tokenizer_config.json names a class of its own, it sets a few things anew from there. So does this.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers, pre_tokenizers

from prune.errors import InputError
from prune.families import FAMILIES
from prune.families.encoder import Encoder
from prune.families.family import TokenizerClass
from prune.qa.json_file import read_json
from prune.qa.reader import Reader

TOKENIZER_FILE, CONFIG_FILE = "tokenizer.json", "tokenizer_config.json"

_OF_NO_CLASS = TokenizerClass("TokenizersBackend", gives_token_types=False)
"""What transformers 5 calls a tokenizer of no class in particular; 4 called it PreTrainedTokenizerFast, and gave
token types."""


def load_reader(folder: Path, encoder: Encoder) -> Reader:
    """The tokenizer in `folder`, for a model with that encoder.

    Raises InputError where a file is absent or damaged, the tokenizer does not put a special token first, or
    it knows more tokens than the encoder embeds.
    """
    file = folder / TOKENIZER_FILE
    if not file.is_file():
        raise InputError(
            f"There is no {TOKENIZER_FILE} in {folder}; the folder that prune-export wrote is needed whole, "
            "not the .onnx file alone."
        )
    config = _config(folder / CONFIG_FILE)
    kind = _class(config, encoder)
    try:
        backend = Tokenizer.from_file(str(file))
        _settle(backend, kind, config)
        backend.encode("a \U000fffff", "a")  # also a character that no vocabulary knows
    except Exception as error:  # the library raises that very class, for all that can be wrong with a file
        raise InputError(
            f"{file} is damaged or no tokenizer ({str(error).strip() or type(error).__name__}); "
            "export the model again."
        ) from error
    _check_vocabulary(backend, encoder, file)
    return Reader.of(
        backend,
        has_token_types=_has_token_types(config, kind, encoder),
        # Not tokenizer_config.json's pad_token, which may be absent: padding is masked, so that its id says
        # nothing but, to RoBERTa's kin, that it has no position. That is the model's own, as the graph has it.
        pad_token_id=encoder.pad_token_id,
    )


def _config(path: Path) -> Mapping[str, Any]:
    """What tokenizer_config.json says; nothing where it is absent, since tokenizer.json is enough to read."""
    if not path.exists():
        return {}
    config = read_json(path, "tokenizer's config")
    if not isinstance(config, Mapping):
        raise InputError(
            f"{path} holds a {type(config).__name__}; expected an object. Export the model again."
        )
    return config


def _class(config: Mapping[str, Any], encoder: Encoder) -> TokenizerClass:
    """The tokenizer's class, which some versions of transformers write with a "Fast" behind."""
    named = config.get("tokenizer_class")
    if not isinstance(named, str):
        return encoder.family.tokenizer
    known = (_OF_NO_CLASS, *(family.tokenizer for family in FAMILIES.values()))
    return {each.name: each for each in known}.get(named.removesuffix("Fast"), TokenizerClass())


def _settle(backend: Tokenizer, kind: TokenizerClass, config: Mapping[str, Any]) -> None:
    """Set what the class takes from its config, or from its own defaults, whatever tokenizer.json says."""
    normalizer, splitter = backend.normalizer, backend.pre_tokenizer
    if kind.resets == "BertNormalizer" and isinstance(normalizer, normalizers.BertNormalizer):
        strip_accents = config.get("strip_accents")
        backend.normalizer = normalizers.BertNormalizer(
            clean_text=normalizer.clean_text,
            handle_chinese_chars=bool(config.get("tokenize_chinese_chars", True)),
            strip_accents=None if strip_accents is None else bool(strip_accents),
            lowercase=bool(config.get("do_lower_case", True)),
        )
    elif kind.resets == "ByteLevel" and isinstance(splitter, pre_tokenizers.ByteLevel):
        splitter.add_prefix_space = bool(config.get("add_prefix_space", False))
        backend.pre_tokenizer = splitter


def _has_token_types(config: Mapping[str, Any], kind: TokenizerClass, encoder: Encoder) -> bool:
    names = config.get("model_input_names")
    if isinstance(names, list):
        return "token_type_ids" in names
    if not kind.gives_token_types:
        return False
    # A tokenizer that goes with its model gives types just where the graph takes them. Where it gives none to
    # a graph that does take them, that is given zeros, as transformers' models do for themselves.
    return encoder.takes_token_types


def _check_vocabulary(backend: Tokenizer, encoder: Encoder, file: Path) -> None:
    known = backend.get_vocab_size(with_added_tokens=True)
    if known > encoder.vocab_size:
        raise InputError(
            f"{file} has {known} tokens and the model embeds {encoder.vocab_size}; give the model the tokenizer "
            "it was trained with."
        )
