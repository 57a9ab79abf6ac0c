"""optimum, which holds transformers at version 4, loads the exported folder as one of its own."""

from pathlib import Path

import pytest
import torch
from support import tiny
from support.graphs import UNEQUAL, assert_equal_logits, inputs_of, onnx_logits, torch_logits
from transformers import AutoTokenizer, PreTrainedModel

from export.artifact import write_artifact
from prune.tasks.question_answering.settings import DecodingSettings

optimum = pytest.importorskip(
    "optimum.onnxruntime", reason="optimum-onnx is not installed: pip install optimum-onnx"
)

QUESTION = "who wrote the long letter?"
CONTEXT = "the letter was written by nobody at all, and it was long."


def write(model: PreTrainedModel, folder: Path, dialect: str) -> None:
    write_artifact(
        model,
        tiny.tokenizer([QUESTION, CONTEXT]),
        DecodingSettings(),
        folder / "model.onnx",
        dialect=dialect,
        model_name="tiny",
        provenance={},
    )


@pytest.mark.parametrize("dialect", ["onnxruntime", "portable"])
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_equal_logits(tmp_path: Path, model_type: str, dialect: str) -> None:
    model = tiny.model(model_type, UNEQUAL)
    write(model, tmp_path, dialect)
    loaded = optimum.ORTModelForQuestionAnswering.from_pretrained(tmp_path, file_name="model.onnx")
    longest = tiny.encoder(model_type).max_length
    for masks in ([[1]], [[1] * 9, [1] * 4 + [0] * 5], [[1] * longest, [1] + [0] * (longest - 1)]):
        inputs = inputs_of(tiny.encoder(model_type), masks)
        found = loaded(**{name: torch.from_numpy(values) for name, values in inputs.items()})
        logits = found.start_logits.numpy(), found.end_logits.numpy()
        assert_equal_logits(logits, torch_logits(model, inputs))
        assert_equal_logits(logits, onnx_logits(tmp_path / "model.onnx", inputs))


@pytest.mark.parametrize("dialect", ["onnxruntime", "portable"])
def test_a_question_in_words(tmp_path: Path, dialect: str) -> None:
    """The folder's tokenizer and graph together, as a user of optimum would take them."""
    model = tiny.model("bert", UNEQUAL)
    write(model, tmp_path, dialect)
    loaded = optimum.ORTModelForQuestionAnswering.from_pretrained(tmp_path, file_name="model.onnx")
    encoding = AutoTokenizer.from_pretrained(tmp_path)(QUESTION, CONTEXT, return_tensors="pt")
    assert encoding["token_type_ids"].max() == 1
    found = loaded(**encoding)
    with torch.no_grad():
        expected = model(**encoding)
    assert_equal_logits(
        (found.start_logits.numpy(), found.end_logits.numpy()),
        (expected.start_logits.numpy(), expected.end_logits.numpy()),
    )
