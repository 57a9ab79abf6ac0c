"""Offsets are those of the characters that a token comes from, whatever the normalizer makes of them."""

from functools import cache

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_tokenizers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from prune.tasks.question_answering.alignment import aligned
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.reader import reader_of
from prune.tasks.question_answering.windows import make_windows

WHOLE = {"max_length": 4096, "stride": 0, "max_question_length": 8}
NORMALIZERS = {
    "nmt_nfkc": lambda: normalizers.Precompiled(tiny_tokenizers.charsmap("nmt_nfkc")),
    "nmt_nfkc_cf": lambda: normalizers.Precompiled(tiny_tokenizers.charsmap("nmt_nfkc_cf")),
    "nfkc": lambda: normalizers.Precompiled(tiny_tokenizers.charsmap("nfkc")),
    "in a sequence": lambda: normalizers.Sequence(
        [normalizers.Sequence([normalizers.Precompiled(tiny_tokenizers.charsmap())]), normalizers.Lowercase()]
    ),
    "bert, uncased": normalizers.BertNormalizer,
    "bert, cased": lambda: normalizers.BertNormalizer(lowercase=False),
    "NFC": normalizers.NFC,
    "NFD": normalizers.NFD,
    "NFKC": normalizers.NFKC,
    "NFKD, no accents, lower case": lambda: normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    ),
    "Nmt": normalizers.Nmt,
}
dropped = st.sampled_from(["\u0002", "\u0007", "\u0010", "\u007f", "\u008f"])
odd = st.sampled_from(list("aTb .,\t\u00a0\u200b\u200d\ufe0f\ufeffﬁﷺİéậ각剪①½\u0301\u0323가नि्กำ🌳👩🏽ßǰｶﾞ"))
texts = st.lists(dropped | odd, min_size=1, max_size=12).map("".join)

BETWEEN_CLUSTERS = regex.compile(r"[^\x00-\x7f][\u0002\u0007\u0010\u007f\u008f]+[\p{M}\p{Cf}\p{Sk}\p{Lm}ำ]")
"""What is deleted behind an expanded character and before a mark is said to be the end of that character."""


def by_character(normalizer: normalizers.Normalizer | None) -> Tokenizer:
    """A token for each character that the normalizer leaves."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(?m)."), "isolated")
    return tokenizer


@cache
def made_ready(name: str) -> tuple[normalizers.Normalizer, normalizers.Normalizer, Tokenizer]:
    """The normalizer, its aligned one, and a tokenizer with that."""
    normalizer = NORMALIZERS[name]()
    mended = aligned(normalizer)
    assert mended is not None
    return normalizer, mended, by_character(mended)


@pytest.mark.parametrize("name", NORMALIZERS)
@given(text=texts)
@settings(max_examples=200, deadline=None)
def test_each_character_lies_in_the_cluster_that_it_comes_from(name: str, text: str) -> None:
    normalizer, _, tokenizer = made_ready(name)
    clusters = regex.findall(r"\X", text)
    made = [normalizer.normalize_str(cluster) for cluster in clusters]
    if "".join(made) != normalizer.normalize_str(text) or BETWEEN_CLUSTERS.search(text):
        return  # the first: it composed across clusters
    expected, begin = [], 0
    for cluster, characters in zip(clusters, made, strict=True):
        expected += [(begin, begin + len(cluster))] * len(characters)
        begin += len(cluster)
    offsets = tokenizer.encode(text).offsets
    assert len(offsets) == len(expected)
    for (start, _), (cluster_start, cluster_end) in zip(offsets, expected, strict=True):
        assert cluster_start <= start < cluster_end


@pytest.mark.parametrize("name", NORMALIZERS)
@given(text=texts)
@settings(max_examples=100, deadline=None)
def test_it_makes_the_same_of_every_text(name: str, text: str) -> None:
    normalizer, mended, _ = made_ready(name)
    assert mended.normalize_str(text) == normalizer.normalize_str(text)


@pytest.mark.parametrize("dropped", ["\u0002", "\u0007" * 3, "\u0010\u007f", "\u007f \u0002"])
def test_what_is_dropped_at_the_beginning_shifts_nothing(dropped: str) -> None:
    text = "The mill was built by Jan Smit in 1702."
    tokenizer = tiny_tokenizers.precompiled()
    asked = [
        Question("", "Who?", context, (Answer("Jan Smit", context.index("Jan")),))
        for context in (text, dropped + text)
    ]
    plain, shifted = make_windows(asked, tokenizer, **WHOLE)
    spans = [span for span in shifted.offsets.tolist() if span[0] >= len(dropped)]
    assert [[start - len(dropped), end - len(dropped)] for start, end in spans] == [
        span for span in plain.offsets.tolist() if span[0] >= 0
    ]
    for window, context in zip((plain, shifted), (text, dropped + text), strict=True):
        begin, end = window.offsets[window.start_position][0], window.offsets[window.end_position][1]
        assert context[begin:end] == "Jan Smit"


def test_a_text_of_nothing_else_has_no_token() -> None:
    (window,) = make_windows([Question("", "Who?", "\u0007\u0002")], tiny_tokenizers.precompiled(), **WHOLE)
    assert (window.offsets == -1).all()


def test_after_a_token_that_was_added_it_is_the_same() -> None:
    tokenizer = tiny_tokenizers.precompiled()
    tokenizer.add_tokens(["[row]"])
    context = "Ada [row]\u0007\u0007Birch"
    (window,) = make_windows([Question("", "Who?", context)], tokenizer, **WHOLE)
    spans = [span for span in window.offsets.tolist() if span[0] >= 0]
    assert spans[-1] == [len(context) - 1, len(context)]
    assert "".join(context[start:end] for start, end in dict.fromkeys(map(tuple, spans))) == "Ada[row]Birch"


def test_the_tokenizer_that_was_given_stays_as_it_was() -> None:
    tokenizer: PreTrainedTokenizerFast = tiny_tokenizers.precompiled()
    before = tokenizer.backend_tokenizer.to_str()
    assert "Replace" not in before
    assert "Replace" in reader_of(tokenizer).backend.to_str()
    assert tokenizer.backend_tokenizer.to_str() == before


def test_what_deletes_nothing_is_left_alone() -> None:
    normalizer = normalizers.NFKC()
    assert aligned(normalizer) is normalizer
    assert aligned(None) is None
