"""A text is read the same way every time, whatever noise its tokenizer was trained with."""

import json
from pathlib import Path

import pytest
from support import tiny, tiny_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import prune
from prune.checkpoint import load_tokenizer
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import AnyTokenizer, backend_of
from prune.tasks.question_answering.tokenizer_file import load_reader
from prune.tasks.question_answering.windows import make_windows

CONTEXT = "The gardener, Ada Birch, pruned the old pear tree every winter and trained it in summer."
BUILDS = {
    "roberta": tiny_tokenizers.byte_level,
    "xlm-roberta": tiny_tokenizers.metaspace,
    "camembert": tiny_tokenizers.unigram,
}


def readings(tokenizer: AnyTokenizer) -> set[tuple[int, ...]]:
    asked = [Question("", "Who pruned it?", CONTEXT)]
    return {
        tuple(make_windows(asked, tokenizer, max_length=300, stride=0)[0].input_ids.tolist())
        for _ in range(20)
    }


def noisy(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    model = backend_of(tokenizer).model
    if hasattr(model, "dropout"):
        model.dropout = 0.5
    elif hasattr(model, "alpha"):
        model.alpha = 0.1
    else:
        pytest.skip("the installed tokenizers cuts words of this model without noise")
    assert len({tuple(tokenizer(CONTEXT)["input_ids"]) for _ in range(20)}) > 1
    return tokenizer


@pytest.mark.parametrize("model_type", BUILDS)
def test_windows_are_made_without_noise(model_type: str) -> None:
    tokenizer = BUILDS[model_type]()
    (expected,) = readings(tokenizer)
    loud = noisy(tokenizer)
    assert readings(loud) == {expected}
    assert len({tuple(loud(CONTEXT)["input_ids"]) for _ in range(20)}) > 1  # its owner notices nothing


@pytest.mark.parametrize("kind", [None, "RobertaTokenizer", "PreTrainedTokenizerFast"])
@pytest.mark.parametrize("model_type", ["roberta", "xlm-roberta"])
def test_so_does_whatever_loads_it_and_what_is_saved(
    tmp_path: Path, model_type: str, kind: str | None
) -> None:
    original = BUILDS[model_type]()
    (expected,) = readings(original)
    prune.save(tiny.model(model_type, vocab_size=320), noisy(original), tmp_path / "model")
    assert json.loads((tmp_path / "model" / "tokenizer.json").read_text())["model"]["dropout"] == 0.5
    path = tmp_path / "model" / "tokenizer_config.json"
    said = json.loads(path.read_text()) | {"tokenizer_class": kind}
    path.write_text(json.dumps({key: value for key, value in said.items() if value is not None}))
    encoder = tiny.encoder(model_type, vocab_size=320)

    tokenizer = load_tokenizer(tmp_path / "model", encoder)
    tokenizer.save_pretrained(tmp_path / "saved")
    for each in (
        load_reader(tmp_path / "model", encoder),
        tokenizer,
        load_reader(tmp_path / "saved", encoder),
    ):
        assert readings(each) == {expected}
    assert json.loads((tmp_path / "saved" / "tokenizer.json").read_text())["model"]["dropout"] is None
    theirs = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert {tuple(theirs("Who pruned it?", CONTEXT)["input_ids"]) for _ in range(20)} == {expected}
