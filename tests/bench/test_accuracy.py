from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from bench.accuracy import check_accuracy, measure_accuracy
from bench.models import Opener
from prune.checkpoint import random_model, save
from prune.errors import InputError
from prune.qa.questions import Answer, Question
from prune.qa.settings import DECODING_FILE, DecodingSettings

WORDS = [
    "who",
    "saw",
    "the",
    "old",
    "tree",
    "in",
    "garden",
    "a",
    "cat",
    "dog",
    "bird",
    "slept",
    "under",
    "it",
]
CONTEXT = "a cat slept in the garden under the old tree"
QUESTIONS = [
    Question("1", "who slept in the garden", CONTEXT, (Answer("a cat", 0),)),
    Question("2", "who slept under it", CONTEXT, (Answer("cat", 2),)),
    Question("3", "who saw the dog", CONTEXT),
]


def _tokenizer() -> PreTrainedTokenizerFast:
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.fixture
def directory(encoder, whole, tmp_path: Path) -> Path:
    save(random_model(encoder, whole, seed=3), _tokenizer(), tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    (tmp_path / "scratch").mkdir()
    return Opener("onnxruntime", "cpu", 1, tmp_path / "scratch")


def test_both_runtimes_score_a_model_alike(opener: Opener, directory: Path) -> None:
    found = [
        measure_accuracy(replace(opener, runtime=runtime).open(str(directory)), QUESTIONS)
        for runtime in ("onnxruntime", "torch")
    ]
    assert found[0].score.exact == found[1].score.exact
    assert found[0].score.f1 == found[1].score.f1
    assert found[0].score.best_f1_threshold == pytest.approx(found[1].score.best_f1_threshold, abs=1e-5)
    assert found[0].score.total == 3
    assert found[0].best_f1 == found[0].score.best_f1
    assert found[0].best_f1 >= 100 / 3 - 1e-9  # refusing everything is right once in three
    assert not found[0].settings_found


def test_settings_beside_the_model_are_used(opener: Opener, directory: Path) -> None:
    DecodingSettings(null_threshold=-1e30).write(directory / DECODING_FILE)
    found = measure_accuracy(opener.open(str(directory)), QUESTIONS)
    assert found.settings_found
    assert found.settings.max_length == 128  # as much as the model takes
    assert found.score.f1 == pytest.approx(100 / 3)  # everything is refused
    assert found.score.no_answer_f1 == 100


def test_a_tokenizer_without_token_types_serves_a_model_that_has_them(opener, encoder, directory) -> None:
    tokenizer = _tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(directory)
    assert encoder.type_vocab_size == 2
    assert np.isfinite(measure_accuracy(opener.open(str(directory)), QUESTIONS).score.f1)


def test_what_has_no_accuracy_is_refused_beforehand(opener: Opener, directory: Path) -> None:
    model = opener.open(str(directory))
    check_accuracy(model)
    with pytest.raises(InputError, match=r"twin of .*model has random weights"):
        check_accuracy(opener.unpruned_twin(model))
    (directory / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="holds no tokenizer"):
        check_accuracy(model)


def test_a_tokenizer_with_more_tokens_than_the_model_embeds_is_refused(opener, directory) -> None:
    tokenizer = _tokenizer()
    tokenizer.add_tokens([f"word{index}" for index in range(101)])
    tokenizer.save_pretrained(directory)
    with pytest.raises(InputError, match=r"model has 119 tokens and the model embeds 101"):
        check_accuracy(opener.open(str(directory)))
