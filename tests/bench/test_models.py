import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from bench.graphs import Form, best_form
from bench.measure.inputs import random_inputs
from bench.models import Opener, own_runtime
from bench.workload import BERT_BASE_SHAPE, Workload
from export.graph.build import random_weights
from export.runtimes import runtime_of
from prune.checkpoint import random_model, save
from prune.shape import ModelShape
from prune.tasks.question_answering import END, START
from trellis.errors import InputError, InstallationError


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    (tmp_path / "scratch").mkdir()
    return Opener("onnxruntime", "cpu", 1, tmp_path / "scratch")


def test_a_file_is_known_from_its_metadata(opener: Opener, make_file, encoder, whole, cut) -> None:
    path = make_file()
    model = opener.open(str(path))
    assert (model.name, model.weights, model.precision, model.dialect) == (
        str(path),
        "trained",
        "fp32",
        "onnxruntime",
    )
    assert (model.engine.encoder, model.engine.shape, model.original_shape) == (encoder, cut, whole)


def test_models_run_on_what_they_were_made_for(make_file, tmp_path: Path) -> None:
    """A file says it itself, an engine by what stands beside it, a directory and older files not at all."""
    made = {
        target: str(make_file(f"{target}.onnx", provenance={"target": target}))
        for target in ("onnxruntime", "openvino", "tensorrt", "portable", 7)
    }
    made["older"] = str(make_file("older.onnx"))
    (tmp_path / "directory").mkdir()
    made["directory"] = str(tmp_path / "directory")
    made["engine"] = str(tmp_path / "out.engine")
    for name in ("out.engine", "out.engine.json"):
        (tmp_path / name).write_text("{}")
    assert {target: own_runtime([name]) for target, name in made.items()} == {
        "onnxruntime": "onnxruntime",
        "openvino": "openvino",
        "tensorrt": "onnxruntime",
        "portable": "onnxruntime",
        7: "onnxruntime",
        "older": "onnxruntime",
        "directory": "onnxruntime",
        "engine": "tensorrt",
    }
    assert own_runtime([]) == own_runtime(["absent.onnx"]) == "onnxruntime"
    assert own_runtime([made["openvino"]], "cuda") == "onnxruntime"  # which OpenVINO does not serve here
    (tmp_path / "openvino.onnx.json").write_text("{}")  # what else may lie there
    assert own_runtime([made["openvino"]], "cpu") == "openvino"
    (tmp_path / "out.engine.json").unlink()
    assert own_runtime([made["engine"]]) == "tensorrt"  # opening it says what is missing
    assert own_runtime([made["directory"], made["openvino"], made["older"]]) == "openvino"
    with pytest.raises(
        InputError, match=r"openvino\.onnx was made for openvino, and .*out\.engine for tensorrt; say which"
    ):
        own_runtime([made["openvino"], made["engine"]])


def test_a_directory_without_torch_is_one_sentence(
    opener: Opener, encoder, whole, tmp_path, monkeypatch
) -> None:
    save(random_model(encoder, whole), None, tmp_path / "model")
    for loads_torch in ("export.parity", "prune.tasks.torch_runner"):
        monkeypatch.delitem(sys.modules, loads_torch, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        InstallationError, match=r"model is a model directory, .*give an \.onnx file"
    ) as refused:
        opener.open(str(tmp_path / "model"))
    assert "\n" not in str(refused.value)


def test_the_twin_is_the_file_before_it_was_cut(opener: Opener, make_file, whole) -> None:
    model = opener.open(str(make_file()))
    twin = opener.unpruned_twin(model)
    assert (twin.engine.shape, twin.dialect, twin.weights, twin.folder) == (
        whole,
        model.dialect,
        "random",
        None,
    )
    assert twin.engine.path is not None
    assert "Attention" in {node.op_type for node in onnx.load(twin.engine.path).graph.node}


def test_the_twin_of_int8_is_in_int8_and_there_is_one_in_fp32(opener: Opener, make_file, whole) -> None:
    file = make_file(precision="int8", dialect="onnxruntime-int8", provenance={"int8": {"ranges": "dynamic"}})
    model = opener.open(str(file))
    assert model.form == Form("onnxruntime-int8", "int8", "dynamic")
    twin, single = opener.unpruned_twin(model), opener.unpruned_twin(model, in_fp32=True)
    assert (twin.form, twin.engine.shape) == (model.form, whole)
    assert (single.form, single.engine.shape) == (Form("onnxruntime"), whole)
    operators = [{node.op_type for node in onnx.load(one.engine.path).graph.node} for one in (twin, single)]
    assert "MatMulInteger" in operators[0]
    assert "Attention" in operators[1]


@pytest.mark.parametrize("provenance", [{}, {"int8": 8}, {"int8": {"ranges": "guessed"}}])
def test_int8_that_does_not_say_how_is_refused(opener: Opener, make_file, provenance) -> None:
    with pytest.raises(InputError, match=r"is in int8 and says .* export it again"):
        opener.open(str(make_file(precision="int8", provenance=provenance)))


def test_a_sweep_writes_each_graph_of_random_weights_once(opener: Opener, make_file) -> None:
    file = str(make_file())
    twins = [
        each.unpruned_twin(each.open(file))
        for each in (opener, replace(opener, threads=2), replace(opener, runtime="openvino"))
    ]
    assert len({twin.engine.path for twin in twins}) == 1
    assert [twin.engine.threads for twin in twins] == [1, 2, 1]
    other = opener.unpruned_twin(
        opener.open(str(make_file("half.onnx", precision="fp16", dialect="portable")))
    )
    assert other.engine.path != twins[0].engine.path


def test_the_twin_of_half_precision_is_in_half_precision(opener: Opener, make_file) -> None:
    twin = opener.unpruned_twin(opener.open(str(make_file(precision="fp16", dialect="portable"))))
    assert (twin.precision, twin.dialect) == ("fp16", "portable")
    assert twin.engine.path is not None
    types = {tensor.name: tensor.data_type for tensor in onnx.load(twin.engine.path).graph.initializer}
    assert types["layer.2/ffn/output/weight"] == onnx.TensorProto.FLOAT16
    assert types["layer.2/ffn/norm/weight"] == onnx.TensorProto.FLOAT


def test_half_precision_is_built_for_gpus_alone() -> None:
    assert best_form("onnxruntime", "cuda", "fp16") == Form("onnxruntime-fp16", "fp16")
    with pytest.raises(InputError, match="onnxruntime would run it in fp32 on a CPU; add device='cuda'"):
        best_form("onnxruntime", "cpu", "fp16")
    with pytest.raises(
        InputError, match="openvino would run it in fp32 on a CPU; add runtime='onnxruntime', or"
    ):
        best_form("openvino", "cpu", "fp16")


def test_a_twin_of_absurd_size_is_refused(opener: Opener, make_file) -> None:
    for wide in (2**30, 2**31 - 1):
        monster = ModelShape.uniform(3, num_heads=4, intermediate_size=wide)
        with pytest.raises(InputError, match=r"GiB of weights, and this machine has \d+ GiB of memory; give"):
            opener.unpruned_twin(opener.open(str(make_file(original=monster))))


def test_a_directory_gives_the_same_logits_on_both_runtimes(opener: Opener, encoder, cut, tmp_path) -> None:
    save(random_model(encoder, cut), None, tmp_path / "model")
    inputs = random_inputs(encoder, Workload(2, 32))
    logits = []
    for runtime in ("onnxruntime", "torch"):
        model = replace(opener, runtime=runtime).open(str(tmp_path / "model"))
        assert (model.name, model.weights, model.engine.shape) == (str(tmp_path / "model"), "trained", cut)
        assert model.folder == tmp_path / "model"
        logits.append(runtime_of(runtime).load(model.engine)(inputs))
    onnx_side, torch_side = logits
    assert list(onnx_side) == list(torch_side) == [START, END]
    for name in onnx_side:
        assert onnx_side[name].shape == (2, 32)
        np.testing.assert_allclose(onnx_side[name], torch_side[name], atol=1e-5)


def test_tensorrt_gets_the_dialect_that_it_reads(opener: Opener, encoder, cut, tmp_path) -> None:
    save(random_model(encoder, cut), None, tmp_path / "model")
    model = replace(opener, device="tensorrt").open(str(tmp_path / "model"))
    assert model.dialect == "portable"
    assert {imported.domain for imported in onnx.load(model.engine.path).opset_import} <= {"", "ai.onnx"}


def test_tensorrt_refuses_a_file_whose_operators_it_does_not_know(opener: Opener, make_file) -> None:
    on_tensorrt = replace(opener, device="tensorrt")
    with pytest.raises(InputError, match=r"out.onnx is in the dialect onnxruntime.*--target portable"):
        on_tensorrt.open(str(make_file()))
    portable = make_file("portable.onnx", dialect="portable")
    assert on_tensorrt.open(str(portable)).dialect == "portable"
    assert opener.open(str(portable)).dialect == "portable"


@pytest.mark.parametrize(("dialect", "fused"), [("onnxruntime", True), ("portable", False)])
def test_a_directory_is_written_in_the_dialect_asked_for(
    opener, encoder, cut, tmp_path, dialect, fused
) -> None:
    save(random_model(encoder, cut), None, tmp_path / "model")
    model = opener.open(str(tmp_path / "model"), dialect=dialect)
    assert model.dialect == dialect
    operators = {node.op_type for node in onnx.load(model.engine.path).graph.node}
    assert ("Attention" in operators) is fused


def test_a_graph_that_is_not_the_model_is_not_measured(
    opener, encoder, cut, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(random_model(encoder, cut), None, tmp_path / "model")
    monkeypatch.setattr("export.graph.weights.weights_of", lambda model: random_weights(encoder, cut))
    with pytest.raises(
        InputError, match=r"model: The graph is not the model: on the CPU start_logits differs by"
    ):
        opener.open(str(tmp_path / "model"))


def test_torch_pairs_need_no_file(opener: Opener) -> None:
    candidate, baseline = replace(opener, runtime="torch").paper_pair()
    assert candidate.engine.path is None
    assert candidate.original_shape == baseline.engine.shape == BERT_BASE_SHAPE
    assert not list(opener.scratch.iterdir())


def test_torch_runs_no_onnx_file(opener: Opener, make_file) -> None:
    with pytest.raises(InputError, match="runtime='torch' runs model directories"):
        replace(opener, runtime="torch").open(str(make_file()))


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_missing_provider_is_one_sentence_with_the_way_out(device) -> None:
    import onnxruntime

    if len(onnxruntime.get_available_providers()) > 2:
        pytest.skip("the GPU build is installed")
    with pytest.raises(
        InputError, match=rf"device='{device}' needs .*pip install onnxruntime-gpu.*device='cpu'"
    ):
        runtime_of("onnxruntime").check(device)


def test_torch_names_the_device_that_it_lacks() -> None:
    with pytest.raises(
        InputError, match="device is tensorrt, and torch runs on cpu or cuda here; give device='cpu'"
    ):
        runtime_of("torch").check("tensorrt")
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(InputError, match=r"sees no GPU.*install a CUDA build of torch.*device='cpu'"):
            runtime_of("torch").check("cuda")
