"""The gate: an equal graph passes and its distance is told; any other is stopped, and the message says where."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support import tiny
from support.graphs import DIALECTS, NOTHING_LEFT, UNEQUAL, graph_of
from transformers import PreTrainedModel

from export.artifact import write_artifact
from export.graph.build import build_graph
from export.graph.weights import weights_of
from export.graph.write import write_onnx
from export.parity import TOLERANCE, Parity, ParityError, cases, check_parity
from export.ports import input_names
from export.runtimes.onnxruntime.exact import on_cpu
from prune.families.layers import encoder_and_original
from prune.shape import ModelShape
from prune.tasks.question_answering.settings import DecodingSettings
from trellis.errors import InputError

MESSAGE = re.compile(
    r"The graph is not the model: on the CPU (start_logits|end_logits) differs by (\S+) "
    r"\(relative (\S+), allowed 1e-04\) on input 'batch \d+, .*'\. Nothing was written\."
)


def check(model: PreTrainedModel, graph: onnx.ModelProto, folder: Path) -> Parity:
    write_onnx(graph, folder / "out.onnx")
    return check_parity(model, folder / "out.onnx")


@pytest.mark.parametrize("shape", [tiny.WHOLE, UNEQUAL, NOTHING_LEFT])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_an_equal_graph_passes(tmp_path: Path, model_type: str, dialect: str, shape: ModelShape) -> None:
    model = tiny.model(model_type, shape)
    parity = check(model, graph_of(model, dialect), tmp_path)
    assert 0 <= parity.max_relative <= parity.max_absolute < 1e-5
    assert parity.tolerance == TOLERANCE["fp32"]
    assert parity.devices == ("CPU",)
    assert len(set(parity.cases)) == len(parity.cases) == 5
    assert parity.to_dict()["max_absolute"] == pytest.approx(parity.max_absolute, rel=0.06)


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_cases_are_of_every_kind(model_type: str) -> None:
    encoder = tiny.encoder(model_type)
    found = list(cases(encoder))
    shapes = [case.inputs["input_ids"].shape for case in found]
    assert shapes == [(1, 1), (1, 17), (1, 17), (3, 31), (2, encoder.max_length)]
    for case in found:
        assert set(case.inputs) == set(input_names(encoder))
        ids, mask = case.inputs["input_ids"], case.inputs["attention_mask"]
        assert {values.dtype for values in case.inputs.values()} == {np.dtype(np.int64)}
        np.testing.assert_array_equal(mask, np.sort(mask)[:, ::-1])  # padded on the right
        np.testing.assert_array_equal(ids == encoder.pad_token_id, mask == 0)
        assert 0 <= ids.min() <= ids.max() < encoder.vocab_size
        if "token_type_ids" in case.inputs:
            assert (case.inputs["token_type_ids"].max() > 0) == case.with_token_types
    assert found[-1].inputs["attention_mask"].sum(axis=1).tolist() == [encoder.max_length, 1]
    assert [case.with_token_types for case in found] == [True, True, False, True, True]


def test_cases_of_a_model_for_short_inputs() -> None:
    shapes = [case.inputs["input_ids"].shape for case in cases(tiny.encoder(max_position_embeddings=5))]
    assert shapes == [(1, 1), (1, 5), (1, 5), (3, 5), (2, 5)]


def one_weight_changed(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    model.get_submodule("bert.encoder.layer.2.output.dense").weight.data[3, 5] += 0.1


def one_norm_changed(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    model.get_submodule("bert.embeddings.LayerNorm").bias.data[0] += 0.05


def answers_swapped(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    squeezes = [node for node in graph.graph.node if node.op_type == "Squeeze"]
    squeezes[0].input[0], squeezes[1].input[0] = squeezes[1].input[0], squeezes[0].input[0]


def off_by_a_thousandth(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    model.get_submodule("qa_outputs").bias.data += 1e-3


def not_a_number_in_the_graph(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    replace_constant(graph, "answer/bias", np.array([np.inf, 0], dtype=np.float32))


def last_position_changed(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    model.get_submodule("bert.embeddings.position_embeddings").weight.data[-1, 0] += 1


def token_type_changed(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    model.get_submodule("bert.embeddings.token_type_embeddings").weight.data[1, 0] += 1


def mask_ignored(model: PreTrainedModel, graph: onnx.ModelProto) -> None:
    for node in graph.graph.node:
        if node.op_type == "Attention":
            node.input[3] = ""


def replace_constant(graph: onnx.ModelProto, name: str, values: np.ndarray) -> None:
    (tensor,) = [tensor for tensor in graph.graph.initializer if tensor.name == name]
    tensor.CopyFrom(numpy_helper.from_array(values, name))


ERRORS = [
    one_weight_changed,
    one_norm_changed,
    answers_swapped,
    off_by_a_thousandth,
    not_a_number_in_the_graph,
    last_position_changed,
    token_type_changed,
    mask_ignored,
]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("plant", ERRORS, ids=lambda plant: plant.__name__)
def test_a_planted_error_is_caught_and_named(tmp_path: Path, plant) -> None:  # type: ignore[no-untyped-def]
    model = tiny.model("bert", UNEQUAL)
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()  # the graph has copies of its own
    graph = graph_of(model, "onnxruntime")
    plant(model, graph)
    with pytest.raises(ParityError, match=MESSAGE) as stopped:
        check(model, graph, tmp_path)
    found = MESSAGE.fullmatch(str(stopped.value))
    assert found is not None
    absolute, relative = float(found[2]), float(found[3])
    assert not relative <= TOLERANCE["fp32"]
    assert not absolute < relative


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_permuted_head_is_caught(tmp_path: Path, dialect: str) -> None:
    """Its query, key and value in one order, the output projection in another."""
    model = tiny.model("bert", UNEQUAL)
    encoder, _ = encoder_and_original(model)
    weights = weights_of(model)
    name = "layer.0/attention/output/weight"
    size = encoder.head_size
    columns = np.r_[size : 2 * size, 0:size, 2 * size : 3 * size]
    graph = build_graph(encoder, UNEQUAL, weights | {name: weights[name][:, columns]}, dialect=dialect)
    with pytest.raises(ParityError, match=MESSAGE):
        check(model, graph, tmp_path)


def test_a_wrong_head_count_is_caught(tmp_path: Path) -> None:
    """What stock optimizers do to unequal layers: one head count for all of them."""
    model = tiny.model("bert", tiny.WHOLE)
    graph = graph_of(model, "onnxruntime")
    attention = next(node for node in graph.graph.node if node.op_type == "Attention")
    next(a for a in attention.attribute if a.name == "num_heads").i = 2
    with pytest.raises(ParityError, match=MESSAGE):
        check(model, graph, tmp_path)


@pytest.mark.parametrize("is_right", [True, False])
def test_a_graph_for_gpus_is_held_to_the_model_on_the_gpu_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_right: bool
) -> None:
    """The GPU is played by the CPU, with the right graph or with another's; a real one is in test_gpu.py."""
    model, encoder = tiny.model("bert", UNEQUAL), tiny.encoder("bert")
    file, other = tmp_path / "out.onnx", tmp_path / "other.onnx"
    weights = weights_of(model)
    write_onnx(build_graph(encoder, UNEQUAL, weights, dialect="onnxruntime-fp16", precision="fp16"), file)
    write_onnx(graph_of(tiny.model("bert", UNEQUAL, seed=1), "portable"), other)
    monkeypatch.setattr(
        "export.runtimes.onnxruntime.exact.on_gpu",
        lambda _, outputs: on_cpu(file if is_right else other, outputs),
    )
    if is_right:
        assert check_parity(model, file, "fp16").devices == ("CPU", "GPU")
    else:
        with pytest.raises(ParityError, match="on the GPU start_logits differs"):
            check_parity(model, file, "fp16")


def test_a_model_in_training_mode_is_compared_without_dropout_and_stays_in_it(tmp_path: Path) -> None:
    model = tiny.model("bert", UNEQUAL)
    graph = graph_of(model, "portable")
    model.train()
    assert check(model, graph, tmp_path).max_absolute < 1e-5
    assert model.training


def test_parts_frozen_in_eval_mode_stay_so(tmp_path: Path) -> None:
    model = tiny.model("bert", UNEQUAL).train()
    model.get_submodule("bert.embeddings").eval()
    before = [module.training for module in model.modules()]
    check(model, graph_of(model, "portable"), tmp_path)
    assert [module.training for module in model.modules()] == before


def test_a_stopped_graph_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.model("bert", UNEQUAL)
    tokenizer = tiny.tokenizer(["who was it", "it was nobody"])
    path = tmp_path / "out.onnx"

    def write() -> None:
        write_artifact(
            model,
            tokenizer,
            DecodingSettings(),
            path,
            dialect="onnxruntime",
            model_name="tiny",
            provenance={},
        )

    write()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def forward(*args: object, **inputs: torch.Tensor) -> object:
        found = type(model).forward(model, *args, **inputs)  # type: ignore[arg-type]
        return dataclasses.replace(found, start_logits=found.start_logits + 1e-3)

    monkeypatch.setattr(model, "forward", forward)
    with pytest.raises(ParityError, match="start_logits"):
        write()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_model_whose_own_logits_are_not_finite_is_refused_as_such(tmp_path: Path) -> None:
    model = tiny.model("bert")
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight.mul_(1e30)
    write_onnx(graph_of(model, "onnxruntime"), tmp_path / "m.onnx")
    with pytest.raises(
        InputError, match="The model itself computes logits that are not finite, on input 'batch 1, 1"
    ):
        check_parity(model, tmp_path / "m.onnx")
