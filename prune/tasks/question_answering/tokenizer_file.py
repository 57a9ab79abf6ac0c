"""The tokenizer of a folder through `tokenizers` alone, reading text as transformers would.

tokenizer.json holds the whole tokenizer, as it was when it was saved. transformers trusts it less: where
tokenizer_config.json names a class of its own, it sets a few things anew from there. So does this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers, pre_tokenizers

from prune.families import FAMILIES
from prune.families.encoder import Encoder
from prune.families.family import TokenizerClass
from prune.tasks.question_answering.builtin import builtin_questions
from prune.tasks.question_answering.library_faults import braced, library_faults
from prune.tasks.question_answering.reader import Reader
from prune.tasks.question_answering.sampling import set_noise_aside
from prune.tasks.question_answering.special import ROLES, UNKNOWN
from trellis.errors import InputError
from trellis.files.json_file import read_json

TOKENIZER_FILE, CONFIG_FILE = "tokenizer.json", "tokenizer_config.json"
STRANGE = (
    "Côté ÉTÉ İstanbul ﬁrm ﷺ 剪枝 각 हिन्दी 🌳👩\u200d👧 \u0007e\u0301 ①½ x\u00a0y\u200bz \ufffd" + UNKNOWN
)
"""Text that tokenizers differ on, with a character that no vocabulary knows."""

_RESTORE = "restore it from the model's source, or export the model again"

_OF_NO_CLASS = TokenizerClass("TokenizersBackend", gives_token_types=False)
"""What transformers 5 calls a tokenizer of no class in particular; 4 called it PreTrainedTokenizerFast, and gave
token types."""


@dataclass(frozen=True, eq=False)
class TokenizerFile:
    """A folder's tokenizer, as its two files have it."""

    backend: Tokenizer
    """With what the class takes from its config; else as tokenizer.json says."""
    has_token_types: bool
    """Whether its type ids are meant for the model."""
    roles: Mapping[str, str]
    """The tokens of special.ROLES that tokenizer_config.json names and the tokenizer knows. That for
    padding is the model's: padding is masked, so that its id says nothing but, to RoBERTa's kin, that it has no
    position."""


def load_reader(folder: Path, encoder: Encoder) -> Reader:
    """The tokenizer in `folder`, for a model with that encoder. Raises InputError as `read_tokenizer_file` does, and
    where the tokenizer does not put a special token first."""
    found = read_tokenizer_file(folder, encoder)
    return Reader.of(
        found.backend,
        has_token_types=found.has_token_types,
        pad_token_id=encoder.pad_token_id,
        roles=found.roles.values(),
    )


def read_tokenizer_file(folder: Path, encoder: Encoder) -> TokenizerFile:
    """What tokenizer.json and tokenizer_config.json in `folder` say, for a model with that encoder.

    Raises InputError where a file is absent or damaged, where the tokenizer fails on a text, or where it gives ids
    that the encoder does not embed.
    """
    file = folder / TOKENIZER_FILE
    if not file.is_file():
        raise InputError(
            f"There is no {TOKENIZER_FILE} in {folder}; the folder that prune-export wrote is needed whole, "
            "not the .onnx file alone."
        )
    config = _config(folder / CONFIG_FILE)
    kind = _class(config, encoder)
    with library_faults(
        f"{braced(file)} is damaged or no tokenizer ({{reason}}); {_RESTORE}.",
        quiet=True,
    ):
        backend = Tokenizer.from_file(str(file))
        backend.no_truncation()
        backend.no_padding()
        set_noise_aside(backend)
        _settle(backend, kind, config)
    _check_added(file, encoder)
    check_backend(backend, encoder, str(file))
    named = {role: _content(config.get(role)) for role in ROLES}
    padding = backend.id_to_token(encoder.pad_token_id)
    known = {role: token for role, token in named.items() if token and backend.token_to_id(token) is not None}
    return TokenizerFile(
        backend, _has_token_types(config, kind, encoder), known | ({"pad_token": padding} if padding else {})
    )


def check_backend(backend: Tokenizer, encoder: Encoder, name: str) -> None:
    """Raise InputError where the tokenizer called `name` fails on a text, or gives ids that are not embedded."""
    with library_faults(f"{braced(name)} cannot read text ({{reason}}); {_RESTORE}.", quiet=True):
        given = backend.encode("a", "a").ids
    with library_faults(
        f"{braced(name)} has no token for characters that its vocabulary lacks, and fails on them ({{reason}}); "
        f"{_RESTORE}.",
        quiet=True,
    ):
        backend.encode(STRANGE, "a")
    vocabulary = backend.get_vocab(with_added_tokens=True)
    highest = max([*vocabulary.values(), *given])
    if highest >= encoder.vocab_size:
        token = next((token for token, number in vocabulary.items() if number == highest), None)
        raise _not_embedded(name, token, highest, encoder)


def _check_added(file: Path, encoder: Encoder) -> None:
    """Raise InputError where an added token is written with an id that is not embedded: the library reads it
    with another one, the next that is free."""
    for token in read_json(file, "tokenizer").get("added_tokens") or ():
        if token["id"] >= encoder.vocab_size:
            raise _not_embedded(str(file), token["content"], token["id"], encoder)


def _not_embedded(name: str, token: str | None, number: int, encoder: Encoder) -> InputError:
    called = "a token" if token is None else f"the token {token[:40]!r}"
    return InputError(
        f"{name} gives {called} the id {number} and the model embeds {encoder.vocab_size} tokens, from 0 on; "
        "give the model the tokenizer it was trained with."
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


def _content(token: Any) -> str | None:
    """The text of a token as tokenizer_config.json has it: itself, or an object with its flags."""
    text = token.get("content") if isinstance(token, Mapping) else token
    return text if isinstance(text, str) else None


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


def read_alike(one: Reader, other: Reader) -> bool:
    """Whether both read the built-in paragraphs, and a text that is hard to read, as the same tokens at the same
    places, and give token types or not."""
    of_context = {question.context: question.question for question in builtin_questions()}
    pairs = [(question, context) for context, question in of_context.items()] + [(STRANGE, STRANGE)]
    found, expected = ([*reader.backend.encode_batch(pairs)] for reader in (one, other))
    return one.has_token_types == other.has_token_types and all(
        (mine.ids, mine.offsets) == (theirs.ids, theirs.offsets)
        for mine, theirs in zip(found, expected, strict=True)
    )
