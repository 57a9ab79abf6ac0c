"""Special tokens that are written in a text: which are text, and which mean what they were added for."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer, pre_tokenizers

ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token")
"""The names under which tokenizer_config.json and transformers tell the tokens that hold an input together."""
UNKNOWN = "\U000fffff"
"""A character that no vocabulary knows: it is for private use, and no script's."""
_USUAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<pad>", "<unk>", "<s>", "</s>", "<mask>"}


def reads_special_as_text(backend: "Tokenizer", roles: Iterable[str]) -> "Tokenizer":
    """The tokenizer that takes what it has tokens of those `roles` for as text, wherever a text has it.

    Special tokens of no such role, as models are trained with to mark what is in the text, stay what they are.
    """
    special = [token.content for token in backend.get_added_tokens_decoder().values() if token.special]
    frame = set(backend.encode("", "").tokens)
    structural = _USUAL | set(roles) | frame
    if not set(special) <= structural:
        backend = _as_words(backend, set(special) - structural)
    backend.encode_special_tokens = True
    _keep_apart(backend, [token for token in special if token in structural])
    _replace_characters(backend, [token for token in special if token in frame and len(token) == 1])
    return backend


def _as_words(backend: "Tokenizer", tokens: set[str]) -> "Tokenizer":
    """The same, but that `tokens` are added tokens like any other: encode_special_tokens says nothing of those."""
    state = json.loads(backend.to_str())
    for token in state["added_tokens"]:
        token["special"] = token["special"] and token["content"] not in tokens
    return type(backend).from_str(json.dumps(state))


def _keep_apart(backend: "Tokenizer", tokens: list[str]) -> None:
    """Cut each of `tokens` in two before the model looks, where that would still find it: vocabularies hold them
    too, and to Unigram none is likelier."""
    from tokenizers import Regex, pre_tokenizers

    found = [token for token in tokens if len(token) > 1 and _is_read(backend, token)]
    if not found:
        return
    pattern = "|".join(f"{_literal(token[0])}(?={_literal(token[1:])})" for token in found)
    _split(backend, pre_tokenizers.Split(Regex(pattern), "merged_with_previous"))


def _split(backend: "Tokenizer", cut: "pre_tokenizers.PreTokenizer") -> None:
    """Cut so too, after `backend`'s own cuts."""
    from tokenizers import pre_tokenizers

    before = backend.pre_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence([before, cut]) if before else cut


def _replace_characters(backend: "Tokenizer", tokens: list[str]) -> None:
    """Have each of `tokens`, characters that frame an input, read as one that no vocabulary knows: the
    vocabulary has no other piece for it, and cut in two it cannot be."""
    from tokenizers import normalizers, pre_tokenizers

    found = [token for token in tokens if _is_read(backend, token)]
    if not found:
        return
    before = [backend.normalizer] if backend.normalizer else []
    replaced = [normalizers.Replace(token, UNKNOWN) for token in found]
    backend.normalizer = normalizers.Sequence([*before, *replaced])
    _split(backend, pre_tokenizers.Split(UNKNOWN, "isolated"))  # or the word around it would be unknown too


def _is_read(backend: "Tokenizer", token: str) -> bool:
    """Whether that token is read where a text has its letters."""
    wanted = backend.token_to_id(token)
    return any(
        wanted in backend.encode(text, add_special_tokens=False).ids
        for text in (token, f"a{token}a", f"a {token} a")
    )


def _literal(text: str) -> str:
    return "".join(rf"\x{{{ord(each):x}}}" for each in text)
