"""Tiny tokenizers, one for each way in which real ones report their offsets."""

import pytest
from support.tiny_tokenizers import byte_level as byte_level_tokenizer
from support.tiny_tokenizers import metaspace, precompiled
from support.tiny_tokenizers import wordpiece as wordpiece_tokenizer
from transformers import PreTrainedTokenizerFast

TOKENIZERS = {
    "wordpiece": wordpiece_tokenizer,
    "byte-level": byte_level_tokenizer,
    "byte-level untrimmed": lambda: byte_level_tokenizer(trim_offsets=False),
    "metaspace": metaspace,
    "precompiled": precompiled,
}


@pytest.fixture(scope="session", params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    """Each of the tiny tokenizers in turn."""
    return TOKENIZERS[request.param]()


@pytest.fixture(scope="session")
def wordpiece() -> PreTrainedTokenizerFast:
    """The one like BERT's."""
    return wordpiece_tokenizer()


@pytest.fixture(scope="session")
def byte_level() -> PreTrainedTokenizerFast:
    """The one like RoBERTa's."""
    return byte_level_tokenizer()
