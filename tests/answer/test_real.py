"""A real model on real questions: the exported folder scores what the model scores in PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from support.real_data import REAL_DATA, REAL_MODEL, needs_real_data, needs_real_model

from answer import open_answerer
from export.artifact import write_artifact
from prune.checkpoint import load, load_tokenizer
from prune.source import open_source
from prune.tasks.question_answering.answer import answer, score_predictions
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.torch_runner import torch_runner


@pytest.mark.slow
@needs_real_data
@needs_real_model
def test_figures_of_a_real_model(tmp_path: Path) -> None:
    model, tokenizer = load(REAL_MODEL), load_tokenizer(REAL_MODEL, open_source(str(REAL_MODEL)).encoder)
    settings = DecodingSettings(null_threshold=2.0)
    write_artifact(
        model,
        tokenizer,
        settings,
        tmp_path / "model.onnx",
        dialect="onnxruntime",
        model_name="real",
        provenance={},
    )
    questions = read_squad(str(REAL_DATA / "squad" / "dev.json"))[:160]
    expected = answer(questions, tokenizer, torch_runner(model), settings=settings)
    found = list(open_answerer(tmp_path).stream(iter(questions), chunk=50))
    assert [one.text for one in found] == [one.answer(2.0) for one in expected]
    assert {one.refused for one in found} == {True, False}
    np.testing.assert_allclose(
        [one.null_odds for one in found], [one.null_odds for one in expected], atol=1e-3
    )
    mine = [
        Prediction(
            one.id, one.best.text if one.best else "", one.null_odds, one.best.start if one.best else -1
        )
        for one in found
    ]
    assert [(one.best_text, one.best_start) for one in mine] == [
        (one.best_text, one.best_start) for one in expected
    ]
    ours, theirs = (score_predictions(questions, each, null_threshold=2.0) for each in (mine, expected))
    assert (ours.f1, ours.exact, ours.has_answer_f1) == (theirs.f1, theirs.exact, theirs.has_answer_f1)
    assert theirs.has_answer_f1 is not None
    assert theirs.has_answer_f1 > 40
