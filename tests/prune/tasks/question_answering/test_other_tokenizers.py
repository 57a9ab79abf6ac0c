"""A tokenizer reads as its tokenizer.json says, whatever class a config names, and so does what is exported."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import tiny, tiny_tokenizers
from support.folders import SENTENCE, SETTINGS
from support.real_data import REAL_MODEL, needs_real_model
from tokenizers import Tokenizer, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import prune
from answer import Engine, Refusal, open_answerer
from export.artifact import write_artifact
from prune.checkpoint import load_tokenizer
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import reader_of
from prune.tasks.question_answering.tokenizer_file import STRANGE, load_reader, read_alike
from prune.tasks.question_answering.windows import make_windows

Build = Callable[[], PreTrainedTokenizerFast]


def folder_of(place: Path, model_type: str, build: Build, kind: str | None) -> Path:
    """A model directory whose config says `kind`."""
    prune.save(tiny.model(model_type, vocab_size=320), build(), place)
    path = place / "tokenizer_config.json"
    said = json.loads(path.read_text()) | {"tokenizer_class": kind}
    path.write_text(json.dumps({key: value for key, value in said.items() if value is not None}))
    return place


def lower_case_alone() -> PreTrainedTokenizerFast:
    """A WordPiece that keeps accents, which BERT's own class would strip."""
    tokenizer = tiny_tokenizers.wordpiece()
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    return tokenizer


@pytest.mark.parametrize(
    ("model_type", "build", "kind"),
    [
        ("bert", tiny_tokenizers.unigram, None),
        ("bert", tiny_tokenizers.unigram, "BertTokenizer"),
        ("bert", tiny_tokenizers.unigram, "NoSuchTokenizer"),
        ("bert", tiny_tokenizers.byte_level, "BertTokenizerFast"),
        ("bert", lower_case_alone, "BertTokenizer"),
        ("electra", tiny_tokenizers.metaspace, "ElectraTokenizer"),
        ("distilbert", tiny_tokenizers.unigram, None),
        ("xlm-roberta", tiny_tokenizers.unigram, "RobertaTokenizer"),
        ("xlm-roberta", tiny_tokenizers.wordpiece, "XLMRobertaTokenizer"),
        ("camembert", tiny_tokenizers.byte_level, "CamembertTokenizer"),
        ("roberta", tiny_tokenizers.wordpiece, "RobertaTokenizer"),
        ("roberta", tiny_tokenizers.wordpiece, None),
        ("roberta", tiny_tokenizers.unigram, "RobertaTokenizerFast"),
    ],
)
def test_the_file_counts(tmp_path: Path, model_type: str, build: Build, kind: str | None) -> None:
    source = folder_of(tmp_path / "model", model_type, build, kind)
    encoder = tiny.encoder(model_type, vocab_size=320)
    raw = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer = load_tokenizer(source, encoder)
    found = reader_of(tokenizer).backend
    for text in (SENTENCE, SENTENCE.upper(), "The old pear tree, 1871."):
        assert found.encode(text, SENTENCE).ids == raw.encode(text, SENTENCE).ids
    assert read_alike(reader_of(tokenizer), load_reader(source, encoder))
    write_artifact(
        tiny.model(model_type, vocab_size=320), tokenizer, SETTINGS, tmp_path / "out.onnx",
        dialect="onnxruntime", model_name="tiny", provenance={},
    )  # fmt: skip
    for again in (load_reader(tmp_path, encoder), reader_of(AutoTokenizer.from_pretrained(tmp_path))):
        assert read_alike(again, reader_of(tokenizer))
    answerer = open_answerer(
        tmp_path / "out.onnx", engine=Engine(threads=1), refusal=Refusal(never_refuse=True)
    )
    assert answerer.answer("Who?", SENTENCE).text


@pytest.mark.parametrize(
    ("model_type", "build", "kind"),
    [
        ("bert", tiny_tokenizers.wordpiece, "BertTokenizer"),
        ("roberta", tiny_tokenizers.byte_level, "RobertaTokenizer"),
    ],
)
def test_the_class_stays_where_it_reads_as_its_file(
    tmp_path: Path, model_type: str, build: Build, kind: str
) -> None:
    source = folder_of(tmp_path / "model", model_type, build, kind)
    room = tiny.encoder(model_type, vocab_size=400)  # for the <mask> and [MASK] that the classes add
    assert type(load_tokenizer(source, room)).__name__.removesuffix("Fast") == kind


def test_a_class_that_adds_a_token_which_is_not_embedded_gives_way_to_the_file(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "model", "roberta", tiny_tokenizers.byte_level, "RobertaTokenizer")
    tokenizer = load_tokenizer(source, tiny.encoder("roberta", vocab_size=320))
    assert max(tokenizer.get_vocab().values()) == 319


@needs_real_model
def test_the_real_one_keeps_its_class() -> None:
    encoder = prune.source.open_source(str(REAL_MODEL)).encoder
    assert type(load_tokenizer(REAL_MODEL, encoder)).__name__.startswith("BertTokenizer")


OF_ALL_KINDS = [
    tiny_tokenizers.wordpiece,
    tiny_tokenizers.byte_level,
    tiny_tokenizers.metaspace,
    tiny_tokenizers.unigram,
    tiny_tokenizers.precompiled,
]
SPECIAL_TEXTS = (
    "price <s>10</s> now",
    "</s>",
    "<pad> a <mask>",
    "a<unk>b",
    "<s><s>",
    "[SEP] [CLS]x[PAD] [MASK]",
)


@pytest.mark.parametrize("build", OF_ALL_KINDS)
@pytest.mark.parametrize("text", SPECIAL_TEXTS)
def test_special_tokens_in_a_text_are_text(build: Build, text: str) -> None:
    tokenizer = build()
    (plain,) = make_windows([Question("", "Who?", "pear")], tokenizer, max_length=99, stride=0)
    (window,) = make_windows([Question("", text, text)], tokenizer, max_length=99, stride=0)
    for role in ("cls_token_id", "sep_token_id", "pad_token_id", "mask_token_id"):
        if (number := getattr(tokenizer, role)) is not None:
            assert window.input_ids.tolist().count(number) == plain.input_ids.tolist().count(number)
    spans = [span for span in window.offsets.tolist() if span[0] >= 0]
    covered = {place for start, end in spans for place in range(start, end)}
    assert covered == {place for place, character in enumerate(text) if not character.isspace()}


def test_in_unigram_their_letters_are_read() -> None:
    tokenizer = tiny_tokenizers.unigram()
    (window,) = make_windows([Question("", "Who?", "x <s>s")], tokenizer, max_length=99, stride=0)
    context = "x <s>s"
    pieces = [(context[a:b], tokenizer.convert_ids_to_tokens(int(token)))
              for token, (a, b) in zip(window.input_ids, window.offsets, strict=True) if a >= 0]  # fmt: skip
    assert [piece for piece, token in pieces if token == "s"] == ["s", "s"]


def with_separator(tokenizer: PreTrainedTokenizerFast, separator: str) -> PreTrainedTokenizerFast:
    """The same, but that its separator is called so."""
    state = tokenizer.backend_tokenizer.to_str()
    renamed = state.replace(json.dumps(tokenizer.sep_token), json.dumps(separator))
    names = {role: getattr(tokenizer, role) for role in ("cls_token", "pad_token", "unk_token")}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(renamed),
        sep_token=separator,
        model_input_names=tokenizer.model_input_names,
        **names,
    )


@pytest.mark.parametrize("build", OF_ALL_KINDS)
@pytest.mark.parametrize("separator", ["♠", "🌳"])
@pytest.mark.parametrize("text", ["tree {} wall", "tree{}wall", "{}", "{0}{0} a{0}"])
def test_a_special_token_of_one_character_is_text(build: Build, separator: str, text: str) -> None:
    named, written = with_separator(build(), separator), text.format(separator)
    (plain,) = make_windows([Question("", "Who?", "pear")], named, max_length=99, stride=0)
    (window,) = make_windows([Question("", written, written)], named, max_length=99, stride=0)
    number = named.sep_token_id
    assert named.convert_ids_to_tokens(number) == separator
    assert window.input_ids.tolist().count(number) == plain.input_ids.tolist().count(number) > 1
    spans = [span for span in window.offsets.tolist() if span[0] >= 0]
    covered = {place for start, end in spans for place in range(start, end)}
    assert covered == {place for place, character in enumerate(written) if not character.isspace()}


def test_the_words_beside_a_character_that_is_a_special_token_are_read() -> None:
    named = with_separator(tiny_tokenizers.wordpiece(), "|")
    tokens = reader_of(named).backend.encode("tree|wall", add_special_tokens=False).tokens
    assert tokens == ["tree", "[UNK]", "wall"]


@pytest.mark.parametrize(
    "build", [tiny_tokenizers.wordpiece, tiny_tokenizers.byte_level, tiny_tokenizers.unigram]
)
def test_additional_special_tokens_stay_what_they_are(tmp_path: Path, build: Build) -> None:
    tokenizer = build()
    tokenizer.add_special_tokens({"additional_special_tokens": ["[row]", "<col>"]})
    row, column = tokenizer.convert_tokens_to_ids(["[row]", "<col>"])
    tokenizer.save_pretrained(tmp_path)
    context = "the [row] pear <col> tree </s>"
    sizes = {"max_length": 99, "stride": 0}
    (expected,) = make_windows([Question("", "Who?", context)], tokenizer, **sizes)
    (found,) = make_windows(
        [Question("", "Who?", context)], load_reader(tmp_path, tiny.encoder("bert", vocab_size=400)), **sizes
    )
    assert found.input_ids.tolist() == expected.input_ids.tolist()
    assert {row, column} <= set(found.input_ids.tolist())
    places = found.input_ids.tolist().index(row), found.input_ids.tolist().index(column)
    assert [context[slice(*found.offsets[place])] for place in places] == ["[row]", "<col>"]


def test_the_strange_text_is_read_by_all() -> None:
    for build in (tiny_tokenizers.wordpiece, tiny_tokenizers.byte_level, tiny_tokenizers.unigram):
        assert reader_of(build()).backend.encode(STRANGE).ids
