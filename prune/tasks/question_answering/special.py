"""Special tokens that are written in a text: which are text, and which mean what they were added for."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token")
"""The names under which tokenizer_config.json and transformers tell the tokens that hold an input together."""
_USUAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<pad>", "<unk>", "<s>", "</s>", "<mask>"}


def reads_special_as_text(backend: "Tokenizer", roles: Iterable[str]) -> "Tokenizer":
    """The tokenizer that takes what it has tokens of those `roles` for as text, wherever a text has it.

    Special tokens of no such role, as models are trained with to mark what is in the text, stay what they are.
    """
    special = [token.content for token in backend.get_added_tokens_decoder().values() if token.special]
    structural = _USUAL | set(roles) | set(backend.encode("", "").tokens)
    if not set(special) <= structural:
        backend = _as_words(backend, set(special) - structural)
    backend.encode_special_tokens = True
    _keep_apart(backend, [token for token in special if token in structural])
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

    def is_found(token: str) -> bool:
        wanted = backend.token_to_id(token)
        return any(
            wanted in backend.encode(text, add_special_tokens=False).ids
            for text in (token, f"a{token}a", f"a {token} a")
        )

    found = [token for token in tokens if len(token) > 1 and is_found(token)]
    if not found:
        return
    pattern = "|".join(f"{_literal(token[0])}(?={_literal(token[1:])})" for token in found)
    cut = pre_tokenizers.Split(Regex(pattern), "merged_with_previous")
    before = backend.pre_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence([before, cut]) if before else cut


def _literal(text: str) -> str:
    return "".join(rf"\x{{{ord(each):x}}}" for each in text)
