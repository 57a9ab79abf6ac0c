import numpy as np
import pytest
import torch
from support.real_data import REAL_DATA, REAL_MODEL, needs_real_data, needs_real_model
from transformers import (
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

from prune.tasks.batch import Batch, Outputs
from prune.tasks.question_answering import END, START
from prune.tasks.question_answering.answer import answer, run_windows, score_predictions
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.question_answering.windows import make_windows
from prune.tasks.torch_runner import torch_runner
from trellis.errors import InputError

SETTINGS = DecodingSettings(max_length=40, stride=10, max_question_length=10)
SENTENCE = "Ada Birch pruned the old pear tree in 1871. "
SMALL = {
    "vocab_size": 320,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
CONFIGS: dict[str, PretrainedConfig] = {
    "bert": BertConfig(**SMALL),
    "electra": ElectraConfig(**SMALL, embedding_size=16),
    "roberta": RobertaConfig(**SMALL, type_vocab_size=1, pad_token_id=1, max_position_embeddings=130),
    "distilbert": DistilBertConfig(vocab_size=320, dim=16, n_layers=2, n_heads=2, hidden_dim=24),
}


def asked(*texts: str | None) -> list[Question]:
    """One question per text, about as many sentences as its number; None is unanswerable."""
    return [
        Question(
            f"q{index}",
            "Who pruned it?",
            SENTENCE * (index + 1),
            () if text is None else (Answer(text, SENTENCE.index(text)),),
        )
        for index, text in enumerate(texts)
    ]


def knows(batch: Batch) -> Outputs:
    """An engine that always points at the annotated positions."""
    tokens = np.arange(batch.input_ids.shape[1])
    places = {START: "start_positions", END: "end_positions"}
    return {output: np.float32(tokens == batch.labels[at][:, None]) for output, at in places.items()}


def test_an_engine_that_knows_scores_everything(tokenizer: PreTrainedTokenizerFast) -> None:
    questions = asked("Ada Birch", None, "the old pear tree", "1871", None, "Ada")
    calls: list[tuple[int, int]] = []
    predictions = answer(
        questions, tokenizer, knows, settings=SETTINGS, batch_size=4, progress=lambda *at: calls.append(at)
    )
    assert [prediction.id for prediction in predictions] == [question.id for question in questions]
    result = score_predictions(questions, predictions, null_threshold=0.0)
    assert (result.exact, result.f1, result.best_f1) == (100.0, 100.0, 100.0)
    # The other windows of an answerable question say "no answer": the least null score is the one to take.
    assert [prediction.null_odds for prediction in predictions] == [-2, 2, -2, -2, 2, -2]
    assert result.best_f1_threshold == -2
    total = calls[-1][1]
    assert calls == [(min(done, total), total) for done in range(4, total + 4, 4)]


@pytest.mark.parametrize("name", CONFIGS)
def test_torch_runner(
    name: str, wordpiece: PreTrainedTokenizerFast, byte_level: PreTrainedTokenizerFast
) -> None:
    torch.manual_seed(0)
    model = AutoModelForQuestionAnswering.from_config(CONFIGS[name])
    model.train()
    tokenizer = byte_level if name == "roberta" else wordpiece
    run = torch_runner(model)
    windows = make_windows(
        asked("Ada", "1871", None), tokenizer, max_length=40, stride=10, max_question_length=10
    )
    assert len({len(window.input_ids) for window in windows}) > 1
    batched = list(run_windows(windows, run, pad_token_id=tokenizer.pad_token_id, batch_size=5))
    single = list(run_windows(windows, run, pad_token_id=tokenizer.pad_token_id, batch_size=1))
    assert {id(window) for window, _, _ in batched} == {id(window) for window in windows}
    for (window, *ours), (alone, *others) in zip(batched, single, strict=True):
        assert window is alone
        for one, other in zip(ours, others, strict=True):
            assert one.shape == window.input_ids.shape
            np.testing.assert_allclose(one, other, atol=1e-5)
    assert model.training, "the mode is put back"
    assert all(module.training for module in model.modules())


def test_token_types_reach_models_that_tell_them_apart(wordpiece: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    questions = asked("Ada")
    windows = make_windows(questions, wordpiece, max_length=40, stride=10, max_question_length=10)
    model = AutoModelForQuestionAnswering.from_config(BertConfig(**SMALL)).eval()
    ((_, start, _),) = run_windows(windows, torch_runner(model), pad_token_id=0)
    ids = torch.from_numpy(windows[0].input_ids)[None].long()
    types = torch.from_numpy(windows[0].token_type_ids)[None].long()
    with torch.no_grad():
        np.testing.assert_allclose(start, model(ids, token_type_ids=types).start_logits[0], atol=1e-6)
        assert not np.allclose(start, model(ids).start_logits[0], atol=1e-6)


def test_an_engine_with_other_shapes_is_refused(wordpiece: PreTrainedTokenizerFast) -> None:
    def classifies(batch: Batch) -> Outputs:
        return dict.fromkeys((START, END), np.zeros((len(batch.input_ids), 2)))

    with pytest.raises(
        InputError, match=r"logits of shape \(1, 2\) and \(1, 2\) for token ids of shape \(1, "
    ):
        answer(asked("Ada"), wordpiece, classifies, settings=SETTINGS)


@pytest.mark.slow
@needs_real_data
@needs_real_model
def test_golden_figures_of_a_real_model() -> None:
    model = AutoModelForQuestionAnswering.from_pretrained(REAL_MODEL, use_safetensors=True)
    questions = read_squad(str(REAL_DATA / "squad" / "dev.json"))
    predictions = answer(
        questions, AutoTokenizer.from_pretrained(REAL_MODEL), torch_runner(model), settings=DecodingSettings()
    )
    result = score_predictions(questions, predictions, null_threshold=0.0)
    assert (result.has_answer_f1, result.has_answer_exact) == pytest.approx((69.1, 58.6), abs=0.3)
    assert (result.best_f1, result.best_exact) == pytest.approx((59.7, 58.1), abs=0.3)
    assert (result.f1, result.exact) == pytest.approx((45.2, 40.1), abs=0.3)
