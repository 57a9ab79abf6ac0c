"""Lower precisions on a model that was trained, whose activations are as uneven as real ones are."""

import numpy as np
import pytest
from support.graphs import onnx_session
from support.real_data import REAL_DATA, REAL_MODEL, needs_real_data, needs_real_model

from export.graph.blocks import bounds_of
from export.graph.build import HALF_DIALECTS, build_graph, kept_in_single
from export.graph.precision.quantizer import Quantizer
from export.graph.weights import weights_of
from export.ports import graph_inputs, output_names
from export.runtimes.batches import batch_runner
from export.runtimes.onnxruntime.exact import on_cpu
from export.target import Scheme
from prune.families.layers import encoder_and_original, shape_of
from prune.loaded_model import LoadedModel, open_model
from prune.tasks.question_answering.answer import answer, score_predictions
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.question_answering.windows import collate

pytestmark = [pytest.mark.slow, needs_real_data, needs_real_model]

QUESTIONS = 200


@pytest.fixture(scope="module")
def subject() -> LoadedModel:
    return open_model(str(REAL_MODEL))


def f1_of(subject: LoadedModel, graph: bytes) -> float:
    """F1 in percent at the best threshold."""
    questions = read_squad(str(REAL_DATA / "squad" / "dev.json"))[::7][:QUESTIONS]
    encoder = subject.source.encoder
    runner = batch_runner(on_cpu(graph, output_names(encoder)), encoder)
    answers = answer(questions, subject.tokenizer, runner, settings=subject.settings)
    score = score_predictions(questions, answers, null_threshold=0.0)
    assert score.best_f1 is not None
    return score.best_f1


@pytest.fixture(scope="module")
def f1_in_fp32(subject: LoadedModel) -> float:
    encoder, _ = encoder_and_original(subject.model)
    graph = build_graph(encoder, shape_of(subject.model), weights_of(subject.model), dialect="portable")
    return f1_of(subject, graph.SerializeToString())


@pytest.mark.parametrize("dialect", HALF_DIALECTS)
def test_nothing_can_overflow_and_nothing_does(subject: LoadedModel, f1_in_fp32: float, dialect: str) -> None:
    encoder, _ = encoder_and_original(subject.model)
    shape, weights = shape_of(subject.model), weights_of(subject.model)
    assert kept_in_single(encoder, shape, weights, dialect) == ()
    largest = max(bounds_of(encoder, shape, weights).largest.values())
    assert 500 < largest < 10_000  # far from what half precision ends at, 65,504
    graph = build_graph(encoder, shape, weights, dialect=dialect, precision="fp16")
    session = onnx_session(graph)
    ids = np.full((2, encoder.max_length), encoder.vocab_size - 1, np.int64)  # one token, over and over
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    inputs["attention_mask"][1, 1:] = 0
    assert all(np.isfinite(logits).all() for logits in session.run(None, inputs))
    assert abs(f1_of(subject, graph.SerializeToString()) - f1_in_fp32) < 0.5


@pytest.mark.parametrize("scheme", ["dynamic", "static", "static symmetric"])
def test_int8_loses_little(subject: LoadedModel, f1_in_fp32: float, scheme: Scheme) -> None:
    if scheme != "dynamic":
        pytest.importorskip("nncf", reason="NNCF is not installed")
    encoder, _ = encoder_and_original(subject.model)
    dialect = "onnxruntime-int8" if scheme == "dynamic" else "portable"
    graph = build_graph(encoder, shape_of(subject.model), weights_of(subject.model), dialect=dialect)
    questions = read_squad(str(REAL_DATA / "squad" / "train.json"))[::200]
    pad = encoder.pad_token_id
    windows = [graph_inputs(collate([window], pad), True) for window in subject.windows(questions)]
    quantized = Quantizer(scheme, windows).quantize(graph)
    f1 = f1_of(subject, quantized.SerializeToString())
    print(f"{scheme}: F1 {f1_in_fp32:.1f} in fp32, {f1:.1f} in int8")
    assert abs(f1 - f1_in_fp32) < 3  # a few of 200 answers either way
