"""The tokenizer without transformers reads as transformers does, whatever the two files say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny, tiny_tokenizers
from support.real_data import REAL_MODEL, needs_real_model
from tokenizers import Tokenizer, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import Reader
from prune.tasks.question_answering.tokenizer_file import load_reader
from prune.tasks.question_answering.windows import make_windows
from trellis.errors import InputError

CONTEXT = (
    "The OLD pear tree,\n trained ﬁrmly in 1871 by Ada-Birch (côté sud — Ünïté) 🌳🌳. [SEP] </s> <pad> "
    "[MASK] 剪枝 winter's\u00a0growth\u200b…\t she said; "
) * 3
SIZES = {"max_length": 100, "stride": 20, "max_question_length": 20}


def save(tokenizer: PreTrainedTokenizerFast, folder: Path, model_type: str, **config: Any) -> Path:
    """As transformers saves it, but with these settings in tokenizer_config.json; None takes one away."""
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text()) | config
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    return folder


def assert_reads_alike(folder: Path, model_type: str, **sizes: Any) -> Reader:
    """The light loader's windows are those of AutoTokenizer's tokenizer, to the offset, as far as a model of
    that type reads them."""
    encoder = tiny.encoder(model_type, **{"vocab_size": 320} | sizes)
    mine = load_reader(folder, encoder)
    theirs = AutoTokenizer.from_pretrained(folder)
    questions = [
        Question("1", "Who (Ada?) trained the ÔLD tree <s> [CLS]", CONTEXT),
        Question("2", "pear " * 40, "Ada Birch"),
        Question("3", "", ""),
        Question("4", " ", "\u0007 \n"),
    ]
    for ours, other in zip(
        make_windows(questions, mine, **SIZES), make_windows(questions, theirs, **SIZES), strict=True
    ):
        assert ours.input_ids.tolist() == other.input_ids.tolist()
        assert ours.offsets.tolist() == other.offsets.tolist()
        if encoder.takes_token_types:
            assert np.array_equal(ours.token_type_ids, other.token_type_ids)
    return mine


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("config", [{}, {"do_lower_case": False}, {"do_lower_case": True, "strip_accents": False},
                                    {"strip_accents": True, "do_lower_case": False},
                                    {"tokenize_chinese_chars": False}])  # fmt: skip
@pytest.mark.parametrize("kind", ["BertTokenizer", "BertTokenizerFast", None])
def test_berts_settings_are_its_configs(
    tmp_path: Path, kind: str | None, config: dict[str, Any], in_file: bool
) -> None:
    tokenizer = tiny_tokenizers.wordpiece()
    normalizer = tokenizer.backend_tokenizer.normalizer
    normalizer.lowercase, normalizer.strip_accents = in_file, not in_file
    tokenizer.backend_tokenizer.normalizer = normalizer
    save(tokenizer, tmp_path, "bert", tokenizer_class=kind, model_input_names=None, **config)
    assert assert_reads_alike(tmp_path, "bert").has_token_types


@pytest.mark.parametrize("kind", ["ElectraTokenizer", "ElectraTokenizerFast"])
def test_electras_are_berts(tmp_path: Path, kind: str) -> None:
    save(tiny_tokenizers.wordpiece(), tmp_path, "electra", tokenizer_class=kind, do_lower_case=False)
    assert_reads_alike(tmp_path, "electra")


@pytest.mark.parametrize("kind", ["DistilBertTokenizer", "DistilBertTokenizerFast", None])
def test_distilberts_gives_no_token_types(tmp_path: Path, kind: str | None) -> None:
    save(tiny_tokenizers.wordpiece(), tmp_path, "distilbert", tokenizer_class=kind, model_input_names=None)
    assert not assert_reads_alike(tmp_path, "distilbert").has_token_types


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("in_config", [True, False, None])
@pytest.mark.parametrize("kind", ["RobertaTokenizer", "RobertaTokenizerFast", None])
def test_robertas_space_is_its_configs(
    tmp_path: Path, kind: str | None, in_config: bool | None, in_file: bool
) -> None:
    tokenizer = tiny_tokenizers.byte_level()
    splitter = tokenizer.backend_tokenizer.pre_tokenizer
    splitter.add_prefix_space = in_file
    tokenizer.backend_tokenizer.pre_tokenizer = splitter
    save(tokenizer, tmp_path, "roberta", tokenizer_class=kind, add_prefix_space=in_config)
    assert not assert_reads_alike(tmp_path, "roberta").has_token_types


@pytest.mark.parametrize(
    ("kind", "model_type"), [("XLMRobertaTokenizer", "xlm-roberta"), ("CamembertTokenizer", "camembert")]
)
def test_sentence_pieces(tmp_path: Path, kind: str, model_type: str) -> None:
    save(tiny_tokenizers.unigram(), tmp_path, model_type, tokenizer_class=kind)
    assert_reads_alike(tmp_path, model_type)


@pytest.mark.parametrize(
    ("build", "model_type"),
    [
        (tiny_tokenizers.wordpiece, "bert"),
        (lambda: tiny_tokenizers.wordpiece(has_token_types=False), "bert"),
        (tiny_tokenizers.byte_level, "roberta"),
        (lambda: tiny_tokenizers.byte_level(trim_offsets=False), "roberta"),
        (tiny_tokenizers.metaspace, "xlm-roberta"),
    ],
)
@pytest.mark.parametrize("config", [{}, {"do_lower_case": False, "add_prefix_space": False}])
def test_a_tokenizer_of_no_class_is_what_its_file_says(
    tmp_path: Path, build: Callable[[], PreTrainedTokenizerFast], model_type: str, config: dict[str, Any]
) -> None:
    tokenizer = build()
    save(tokenizer, tmp_path, model_type, **config)
    reader = assert_reads_alike(tmp_path, model_type)
    assert reader.has_token_types == ("token_type_ids" in tokenizer.model_input_names)


@pytest.mark.parametrize(("kind", "given"), [("TokenizersBackend", False), ("PreTrainedTokenizerFast", True)])
def test_where_input_names_are_missing_the_class_tells_what_it_gave(
    tmp_path: Path, kind: str, given: bool
) -> None:
    save(tiny_tokenizers.wordpiece(), tmp_path, "bert", tokenizer_class=kind, model_input_names=None)
    assert load_reader(tmp_path, tiny.encoder()).has_token_types == given


def test_without_a_config_the_file_suffices(tmp_path: Path) -> None:
    save(tiny_tokenizers.wordpiece(), tmp_path, "bert")
    (tmp_path / "tokenizer_config.json").unlink()
    assert assert_reads_alike(tmp_path, "bert").has_token_types


def test_what_the_file_truncates_and_pads_plays_no_part(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizers.wordpiece()
    expected = make_windows([Question("", "Who?", CONTEXT)], tokenizer, **SIZES)
    tokenizer.backend_tokenizer.enable_truncation(12, stride=2, direction="left")
    tokenizer.backend_tokenizer.enable_padding(direction="left", length=128)
    tokenizer.truncation_side = tokenizer.padding_side = "left"
    save(tokenizer, tmp_path, "bert", model_max_length=10)
    found = make_windows([Question("", "Who?", CONTEXT)], load_reader(tmp_path, tiny.encoder()), **SIZES)
    assert [window.input_ids.tolist() for window in found] == [one.input_ids.tolist() for one in expected]


def test_it_pads_with_what_the_model_takes_for_padding(tmp_path: Path) -> None:
    save(tiny_tokenizers.byte_level(), tmp_path, "roberta", pad_token=None)
    encoder = tiny.encoder("roberta", vocab_size=320, pad_token_id=7)
    assert load_reader(tmp_path, encoder).pad_token_id == 7


def broken(folder: Path, file: str, text: str) -> Path:
    save(tiny_tokenizers.wordpiece(), folder, "bert")
    (folder / file).write_text(text)
    return folder


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": "1.0"', "\x00"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        InputError, match=r"tokenizer\.json is damaged or no tokenizer \(.*export the model again"
    ):
        load_reader(broken(tmp_path, "tokenizer.json", text), tiny.encoder())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "is not valid JSON"), ("[]", "holds a list; expected an object"), ('"x"', "holds a str")],
)
def test_a_damaged_config_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_reader(broken(tmp_path, "tokenizer_config.json", text), tiny.encoder())


@pytest.mark.parametrize(
    "config", ['{"tokenizer_class": 3, "model_input_names": "x"}', '{"do_lower_case": []}']
)
def test_a_config_of_odd_values_is_passed_over(tmp_path: Path, config: str) -> None:
    load_reader(broken(tmp_path, "tokenizer_config.json", config), tiny.encoder())


def test_no_tokenizer_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no tokenizer.json in .* is needed whole"):
        load_reader(tmp_path, tiny.encoder())


def test_a_tokenizer_that_cannot_read_all_texts_is_refused_at_once(tmp_path: Path) -> None:
    save(tiny_tokenizers.wordpiece(), tmp_path, "bert")
    path = tmp_path / "tokenizer.json"
    state = json.loads(path.read_text())
    state["model"]["unk_token"] = "nowhere"
    path.write_text(json.dumps(state))
    with pytest.raises(InputError, match="has no token for characters that its vocabulary lacks"):
        load_reader(tmp_path, tiny.encoder())


def test_a_tokenizer_for_another_model_is_refused(tmp_path: Path) -> None:
    save(tiny_tokenizers.byte_level(), tmp_path, "roberta")
    with pytest.raises(
        InputError,
        match=r"the id 319 and the model embeds 150 tokens, from 0 on; give the model the tokenizer",
    ):
        load_reader(tmp_path, tiny.encoder("roberta"))


def test_a_tokenizer_without_a_first_special_token_is_refused(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizers.wordpiece()
    backend: Tokenizer = tokenizer.backend_tokenizer
    backend.post_processor = processors.TemplateProcessing(
        single="$A [SEP]", pair="$A [SEP] $B:1 [SEP]:1", special_tokens=[("[SEP]", 3)]
    )
    save(tokenizer, tmp_path, "bert")
    with pytest.raises(InputError, match="puts no special token before the question"):
        load_reader(tmp_path, tiny.encoder())


@needs_real_model
def test_the_real_one_reads_alike(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(REAL_MODEL)
    for folder in (REAL_MODEL, tmp_path):
        if folder == tmp_path:
            save(tokenizer, tmp_path, "bert")
        reader = assert_reads_alike(folder, "bert", vocab_size=30522)
        assert reader.has_token_types
    assert np.array_equal(
        reader.backend.encode("Zürich!", "Ada").ids, tokenizer("Zürich!", "Ada")["input_ids"]
    )
