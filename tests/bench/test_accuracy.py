from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from bench.accuracy import Accuracy, ask, check_accuracy, score
from bench.graphs import Form
from bench.models import Model, Opener
from export.runtimes import RUNTIMES
from export.runtimes.tensorrt.profile import parse_profiles
from prune.checkpoint import random_model, save
from prune.tasks.question_answering.fitted_on import sample_of
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.squad.task import SquadExam
from trellis.errors import InputError

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


EXAM = SquadExam(QUESTIONS)


def _alone(model: Model) -> Accuracy:
    return score("squad", EXAM, {"candidate": model}, {"candidate": ask(model, EXAM)})


def _values(accuracy: Accuracy) -> dict[str, float]:
    return {metric.name: metric.values["candidate"] for metric in accuracy.metrics}


def test_both_runtimes_score_a_model_alike(opener: Opener, directory: Path) -> None:
    found = [
        _alone(replace(opener, runtime=runtime).open(str(directory))) for runtime in ("onnxruntime", "torch")
    ]
    assert _values(found[0]) == _values(found[1])
    assert set(_values(found[0])) == {
        "F1 as served",
        "has-answer F1 as served",
        "no-answer accuracy as served",
        "share refused as served",
        "exact match as served",
        "F1 of refusing every question",
        "F1 at the best threshold",
        "has-answer F1, none refused",
    }
    assert _values(found[0])["F1 of refusing every question"] == pytest.approx(100 / 3)
    assert found[0].questions == 3
    assert (
        _values(found[0])["F1 at the best threshold"] >= 100 / 3 - 1e-9
    )  # refusing everything is right once in three
    assert found[0].without_settings == ("candidate",)
    assert found[0].limited == []
    assert all(metric.change is None for metric in found[0].metrics)


def test_settings_beside_the_model_are_used(opener: Opener, directory: Path) -> None:
    DecodingSettings(null_threshold=-1e30).write(directory / DECODING_FILE)
    found = _alone(opener.open(str(directory)))
    assert found.without_settings == ()
    assert _values(found)["F1 as served"] == pytest.approx(100 / 3)  # everything is refused


def test_two_models_are_paired(opener: Opener, directory: Path, encoder, cut, tmp_path: Path) -> None:
    save(random_model(encoder, cut, seed=4), _tokenizer(), tmp_path / "cut")
    models = {"baseline": opener.open(str(directory)), "candidate": opener.open(str(tmp_path / "cut"))}
    found = score("squad", EXAM, models, {role: ask(model, EXAM) for role, model in models.items()})
    f1 = found.metrics[0]
    assert f1.name == "F1 as served"
    assert f1.change is not None
    assert f1.change.mean_difference == pytest.approx(f1.values["candidate"] - f1.values["baseline"])
    assert f1.change.low <= f1.change.mean_difference <= f1.change.high
    assert found.limited == [f1.change]


ELSEWHERE = sample_of(["another question", "and one more"])
ALSO_ELSEWHERE = sample_of(["a third"])
HERE = sample_of(EXAM.questions_of([]))
PARTLY_HERE = sample_of(
    ["another question", *SquadExam([replace(QUESTIONS[1], id="other")]).questions_of([])]
)


@pytest.mark.parametrize(
    ("baseline", "candidate", "thresholds"),
    [
        (None, None, "own"),
        (ELSEWHERE, ELSEWHERE, "own"),
        (ELSEWHERE, ALSO_ELSEWHERE, "own"),
        (None, ELSEWHERE, "folds"),
        (ELSEWHERE, None, "folds"),
        (HERE, HERE, "folds"),
        (HERE, ELSEWHERE, "folds"),
        (ELSEWHERE, HERE, "folds"),
        (None, HERE, "folds"),
        (ELSEWHERE, PARTLY_HERE, "folds"),
        (PARTLY_HERE, PARTLY_HERE, "folds"),
    ],
)
def test_thresholds_stand_where_both_are_of_one_kind_and_fitted_elsewhere(
    opener: Opener,
    directory: Path,
    encoder,
    cut,
    tmp_path: Path,
    baseline: str | None,
    candidate: str | None,
    thresholds: str,
) -> None:
    """The baseline answers all by its own threshold, the candidate nothing: what is shown tells whose counted."""
    save(random_model(encoder, cut, seed=4), _tokenizer(), tmp_path / "cut")
    DecodingSettings(null_threshold=1e30, fitted_on=baseline).write(directory / DECODING_FILE)
    DecodingSettings(null_threshold=-1e30, fitted_on=candidate).write(tmp_path / "cut" / DECODING_FILE)
    models = {"baseline": opener.open(str(directory)), "candidate": opener.open(str(tmp_path / "cut"))}
    answers = {role: ask(model, EXAM) for role, model in models.items()}
    found = score("squad", EXAM, models, answers)
    shown = {metric.name: metric.values for metric in found.metrics}

    assert found.thresholds == thresholds
    own = {"baseline": 0.0, "candidate": 100.0}
    refused = shown["share refused as served"]
    if thresholds == "own":
        assert refused == pytest.approx(own)
        assert shown["F1 as served"]["candidate"] == pytest.approx(100 / 3)  # one question has no answer
        assert not any("by its own" in name for name in shown)
    else:
        both = (answers["baseline"], answers["candidate"])
        fitted = EXAM.compare(*both, EXAM.habit(answers["baseline"], 1e30)).figures
        (expected,) = [(each.before, each.after) for each in fitted if each.name == "share refused as served"]
        assert tuple(refused.values()) == pytest.approx(expected)
        assert shown["share refused by its own decoding.json"] == pytest.approx(own)
        assert shown["F1 by its own decoding.json"]["candidate"] == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("fitted_on", "thresholds"),
    [(None, "own"), (ELSEWHERE, "own"), (HERE, "folds"), (PARTLY_HERE, "folds")],
)
def test_the_threshold_of_one_model_alone_stands_unless_fitted_on_these_questions(
    opener: Opener, directory: Path, fitted_on: str | None, thresholds: str
) -> None:
    DecodingSettings(null_threshold=-1e30, fitted_on=fitted_on).write(directory / DECODING_FILE)
    assert _alone(opener.open(str(directory))).thresholds == thresholds


@pytest.mark.parametrize(
    ("profiles", "serves"),
    [
        ("1..32x1..128", True),
        ("1x1..128,2..16x32..128", True),
        ("1x128", False),
        ("1..16x64..128", False),
        ("1..8x1..128", False),
        ("1x1..128,16x1..128", False),
    ],
)
def test_an_engine_that_does_not_serve_questions_is_refused_beforehand(
    opener: Opener, directory: Path, profiles: str, serves: bool
) -> None:
    model = opener.open(str(directory))
    engine = replace(model, form=Form("portable", profiles=parse_profiles(profiles)))
    if serves:
        check_accuracy(engine)
        return
    with pytest.raises(InputError, match=r"\(batch x length\), and --dev asks .* --profiles 1\.\.16x1\.\."):
        check_accuracy(engine)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("CUDA error: out of memory", "The GPU has too little free memory"),
        ("Non-zero status code\nat line 3", "fails on 3 windows of .* tokens: Non-zero status code$"),
    ],
)
def test_a_runtime_that_fails_while_asked_is_one_sentence(
    opener: Opener, directory: Path, monkeypatch: pytest.MonkeyPatch, told: str, said: str
) -> None:
    def run(_: object) -> None:
        raise RuntimeError(told)

    model = opener.open(str(directory))
    monkeypatch.setattr(type(RUNTIMES[model.engine.runtime]), "load", lambda _, spec: run)
    with pytest.raises(InputError, match=said):
        ask(model, EXAM)


def test_the_tokenizer_alone_serves_where_transformers_is_not_installed(
    opener: Opener, directory: Path, monkeypatch
) -> None:
    model = opener.open(str(directory))
    expected = _values(_alone(model))
    monkeypatch.setattr("bench.accuracy.find_spec", lambda name: None)
    assert _values(_alone(model)) == expected


def test_a_tokenizer_without_token_types_serves_a_model_that_has_them(opener, encoder, directory) -> None:
    tokenizer = _tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(directory)
    assert encoder.type_vocab_size == 2
    assert np.isfinite(list(_values(_alone(opener.open(str(directory)))).values())).all()


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
    with pytest.raises(InputError, match=r"the id 101 and the model embeds 101 tokens"):
        check_accuracy(opener.open(str(directory)))
