"""Tiny tokenizers, made on the spot, one for each way in which real ones report their offsets."""

import io
from functools import cache

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

_TEXT = [
    "The old pear tree was trained against the south wall in 1871.",
    "Who trained the tree? The gardener, Ada Birch, did; her sons pruned it every winter.",
    "Pruning in winter wakes growth: pruning in summer calms it.",
]


def wordpiece(*, has_token_types: bool = True) -> PreTrainedTokenizerFast:
    """As BERT: lower case, token types, offsets without spaces. Not trained, as its trainer breaks ties by chance."""
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = {word for line in _TEXT for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(line))}
    letters = {letter for word in words for letter in word}
    pieces = [*sorted(letters), *(f"##{letter}" for letter in sorted(letters)), *sorted(words - letters)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces]
    numbered = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbered, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    types = ["token_type_ids"] if has_token_types else []
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", *types, "attention_mask"],
    )


def byte_level(*, trim_offsets: bool = True) -> PreTrainedTokenizerFast:
    """As RoBERTa: bytes, two separators, no token types; offsets hold the space before unless trimmed."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=trim_offsets, add_prefix_space=False
    )
    return _sentence_marks(tokenizer)


def metaspace() -> PreTrainedTokenizerFast:
    """As XLM-R: the space before a word is part of its first token and of that token's offsets."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(_TEXT, trainers.BpeTrainer(vocab_size=150, special_tokens=special))
    return _two_separators(tokenizer)


def unigram() -> PreTrainedTokenizerFast:
    """The same, with the kind of model that XLM-R's and CamemBERT's own classes want."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=100, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(_TEXT, trainer)
    return _two_separators(tokenizer)


def sentencepiece_model(*, rule: str = "nmt_nfkc") -> bytes:
    """A real SentencePiece model, as sentencepiece.bpe.model holds it."""
    sentencepiece = pytest.importorskip("sentencepiece")
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_TEXT), model_writer=written, vocab_size=100, hard_vocab_limit=False,
        normalization_rule_name=rule, minloglevel=2,
    )  # fmt: skip
    return written.getvalue()


@cache
def charsmap(rule: str = "nmt_nfkc") -> bytes:
    """What SentencePiece has XLM-RoBERTa and CamemBERT make of each character."""
    model = sentencepiece_model(rule=rule)
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    return bytes(proto.normalizer_spec.precompiled_charsmap)


def precompiled(rule: str = "nmt_nfkc") -> PreTrainedTokenizerFast:
    """Like `unigram`, with the normalizer of real ones."""
    tokenizer = unigram()
    tokenizer.backend_tokenizer.normalizer = normalizers.Precompiled(charsmap(rule))
    return tokenizer


def _two_separators(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _sentence_marks(tokenizer)


def _sentence_marks(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    )
