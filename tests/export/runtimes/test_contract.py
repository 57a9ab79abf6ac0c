"""What holds of every runtime that is registered and installed, a new one included."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support import tiny, toy_runtime
from support.graphs import graph_of, inputs_of
from transformers import PreTrainedModel

from export.graph.build import build_graph
from export.graph.weights import weights_of
from export.graph.write import write_onnx
from export.metadata import Metadata, stamp
from export.parity import TOLERANCE, check_parity
from export.runtimes import RUNTIMES, answering, runtime_of, usual_device
from export.runtimes.batches import open_engine
from export.runtimes.cuda import has_gpu
from export.runtimes.engine_spec import Device, EngineSpec
from export.runtimes.runtime import Runtime
from export.target import TARGETS, dialect_of, scheme_of
from prune.checkpoint import save
from prune.families.layers import encoder_and_original, shape_of
from prune.tasks.batch import Batch
from prune.tasks.question_answering import END, START
from trellis.cli.doctor import installed_versions
from trellis.errors import InputError, InstallationError

MODULES = ("onnxruntime", "openvino", "tensorrt", "tensorrt_rtx_bindings", "torch", "onnx.reference")
"""Those that the runtimes import, all in all."""
NAMES = [*RUNTIMES, toy_runtime.Toy.name]
SLOW = {"torch-compiled"}
SHAPES = ([[1]], [[1] * 9], [[1] * 33, [1] * 20 + [0] * 13, [1] + [0] * 32])
"""Masks: one token; another length than the one before; three rows, two of them padded."""


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_runtime.registered():
        yield


every_runtime = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES]
)


@pytest.fixture
def runtime(name: str) -> Runtime:
    """Installed, and on a machine that it runs on; or a skip."""
    found = runtime_of(name)
    if "cpu" not in found.devices and not has_gpu():
        pytest.skip("it runs on GPUs, and there is none")
    try:
        found.check(found.devices[0])
    except InputError as error:
        pytest.skip(str(error))
    return found


@pytest.fixture
def model() -> PreTrainedModel:
    return tiny.model("bert")


def spec_of(
    runtime: Runtime, model: PreTrainedModel, folder: Path, precision: str = "fp32", **how: int
) -> EngineSpec:
    """The model in what the runtime runs: a directory, a graph, or an engine built of one."""
    encoder, original = encoder_and_original(model)
    path = folder / "model"
    if runtime.forms is None:
        save(model, None, path)
    else:
        dialect = runtime.forms.dialects[precision]
        graph = build_graph(encoder, shape_of(model), weights_of(model), dialect=dialect, precision=precision)
        stamp(graph, Metadata(encoder, shape_of(model), original, dialect, precision, "tiny", {}))
        path = path.with_suffix(".onnx")
        write_onnx(graph, path)
    if runtime.engines:
        path = runtime.engines.build(path, encoder, (), path.with_suffix(runtime.engines.suffixes[0]))
    return EngineSpec(runtime.name, runtime.devices[0], 1, encoder, shape_of(model), path, **how)


def with_graph(spec: EngineSpec, graph: onnx.ModelProto) -> EngineSpec:
    """The spec, of another graph in the place of its own."""
    assert spec.path
    spec.path.write_bytes(graph.SerializeToString())
    return spec


@every_runtime
def test_the_logits_are_torchs_whatever_the_size(
    runtime: Runtime, model: PreTrainedModel, tmp_path: Path
) -> None:
    import torch

    spec = spec_of(runtime, model, tmp_path)
    infer = runtime.load(spec)
    for seed, masks in enumerate(SHAPES):
        inputs = inputs_of(spec.encoder, masks, seed=seed)
        found = infer(inputs)
        with torch.no_grad():
            expected = model(**{key: torch.from_numpy(value) for key, value in inputs.items()})
        assert list(found) == [START, END]
        for output, values in found.items():
            wanted = expected[output].numpy()
            assert values.shape == wanted.shape == np.shape(masks)
            np.testing.assert_allclose(
                values, wanted, rtol=0, atol=TOLERANCE["fp32"] * max(1, abs(wanted).max())
            )


@every_runtime
def test_outputs_are_kept_when_it_is_called_again(
    runtime: Runtime, model: PreTrainedModel, tmp_path: Path
) -> None:
    spec = spec_of(runtime, model, tmp_path)
    infer = runtime.load(spec)
    first = infer(inputs_of(spec.encoder, [[1] * 9], seed=1))
    before = {name: values.copy() for name, values in first.items()}
    infer(inputs_of(spec.encoder, [[1] * 9], seed=2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, before[name])


@every_runtime
def test_the_gate_takes_what_runs_graphs(runtime: Runtime, model: PreTrainedModel, tmp_path: Path) -> None:
    if runtime.forms is None or runtime.engines:
        pytest.skip("it runs no graphs as they are")
    spec = spec_of(runtime, model, tmp_path)
    assert spec.path
    found = check_parity(model, spec.path, runtime=runtime.name)
    assert found.devices == ("CPU",)
    assert 0 < found.max_absolute < 1e-4


@every_runtime
def test_threads_may_share_what_is_shareable(
    runtime: Runtime, model: PreTrainedModel, tmp_path: Path
) -> None:
    if not runtime.is_shareable:
        pytest.skip("one at a time")
    spec = spec_of(runtime, model, tmp_path, clients=3)
    infer = runtime.load(spec)
    inputs = [inputs_of(spec.encoder, [[1] * 16], seed=seed) for seed in range(24)]
    alone = [infer(each)[START].copy() for each in inputs]
    assert len({each.tobytes() for each in alone}) == len(alone)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda each: infer(each)[START].copy(), inputs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@every_runtime
def test_longer_windows_than_the_model_takes_never_reach_it(
    runtime: Runtime, model: PreTrainedModel, tmp_path: Path
) -> None:
    spec = spec_of(runtime, model, tmp_path)
    run = open_engine(runtime, spec)
    longest = spec.encoder.max_length
    ids = np.ones((2, longest), np.int64)
    assert run(Batch(ids, ids, ids * 0))[START].shape == (2, longest)
    longer = np.ones((2, longest + 1), np.int64)
    with pytest.raises(
        InputError, match=rf"have {longest + 1} tokens, and the model in .* takes {longest} at"
    ):
        run(Batch(longer, longer, longer * 0))


@every_runtime
def test_a_batch_that_it_fails_on_is_one_sentence(
    runtime: Runtime, model: PreTrainedModel, tmp_path: Path
) -> None:
    class Failing(type(runtime)):  # type: ignore[misc]
        def load(self, spec: EngineSpec):
            def infer(inputs: object) -> None:
                raise RuntimeError("no kernel image\nat line 3")

            return infer

    run = open_engine(Failing(), EngineSpec(runtime.name, "cpu", 1, tiny.encoder(), tiny.WHOLE, tmp_path))
    ids = np.ones((2, 9), np.int64)
    with pytest.raises(InputError) as refused:
        run(Batch(ids, ids, ids))
    said = str(refused.value)
    assert said.startswith(f"{runtime.title} cannot run {tmp_path} on 2 windows of 9 tokens: no kernel image")
    assert "\n" not in said


@every_runtime
def test_a_file_that_is_none_of_its_own_is_one_sentence(
    runtime: Runtime, model: PreTrainedModel, tmp_path: Path
) -> None:
    spec = spec_of(runtime, model, tmp_path)
    assert spec.path
    file = spec.path / "model.safetensors" if spec.path.is_dir() else spec.path
    for content in (b"", b"no graph", file.read_bytes()[: file.stat().st_size // 2]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"model") as refused:
            runtime.load(spec)
        assert "\n" not in str(refused.value)


def _sequences(graph: onnx.GraphProto) -> None:
    """Both outputs become sequences of one tensor."""
    for index, name in enumerate(("start_logits", "end_logits")):
        for node in graph.node:
            node.output[:] = [each + "_tensor" if each == name else each for each in node.output]
        graph.node.add().CopyFrom(helper.make_node("SequenceConstruct", [f"{name}_tensor"], [name]))
        graph.output[index].CopyFrom(helper.make_tensor_sequence_value_info(name, TensorProto.FLOAT, None))


def _integers(graph: onnx.GraphProto) -> None:
    for output in list(graph.output):
        inner = f"{output.name}_float"
        for node in graph.node:
            node.output[:] = [inner if each == output.name else each for each in node.output]
        graph.node.add().CopyFrom(helper.make_node("Cast", [inner], [output.name], to=TensorProto.INT64))
        output.type.tensor_type.elem_type = TensorProto.INT64


def _other_name(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        node.output[:] = ["finish_logits" if each == "end_logits" else each for each in node.output]
    graph.output[1].name = "finish_logits"


def _one_output(graph: onnx.GraphProto) -> None:
    del graph.output[1]


def _one_more_input(graph: onnx.GraphProto) -> None:
    graph.input.add().CopyFrom(helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch"]))


def _nonsense(graph: onnx.GraphProto) -> None:
    graph.node[3].op_type = "Nonsense"


@every_runtime
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_sequences, r"gives start_logits as \S+, expected one of|does not load"),
        (_integers, r"gives start_logits as \S+, expected one of \S+"),
        (
            _other_name,
            r"has the outputs finish_logits, start_logits; its metadata calls for end_logits, start_",
        ),
        (_one_output, r"has the outputs start_logits; its metadata calls for end_logits, start_logits"),
        (
            _one_more_input,
            r"has the inputs attention_mask, input_ids, pixels, token_type_ids; its metadata ca",
        ),
        (_nonsense, r"does not load .*Nonsense"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_graph_that_reads_or_gives_something_else_is_one_sentence(
    runtime: Runtime, model: PreTrainedModel, tmp_path: Path, change, said: str
) -> None:
    if runtime.forms is None or runtime.engines:
        pytest.skip("it runs no graphs as they are")
    graph = graph_of(model, "portable")
    change(graph.graph)
    spec = with_graph(spec_of(runtime, model, tmp_path), graph)
    with pytest.raises(InputError, match=said) as refused:
        runtime.load(spec)
    assert "\n" not in str(refused.value)


@every_runtime
def test_a_graph_without_token_types_is_not_fed_any(name: str, runtime: Runtime, tmp_path: Path) -> None:
    model = tiny.model("distilbert")
    spec = spec_of(runtime, model, tmp_path)
    assert spec.inputs == ("input_ids", "attention_mask")
    ids = np.array([[2, 9, 3, 8, 3]])
    found = open_engine(runtime, spec)(Batch(ids, np.ones_like(ids), ids * 0))
    assert found[START].shape == (1, 5)


@every_runtime
def test_what_is_missing_is_one_sentence_with_the_command_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InstallationError, match=r"installed; install it.*pip install") as refused:
        runtime_of(name).check(runtime_of(name).devices[0])
    assert "\n" not in str(refused.value)


@every_runtime
@pytest.mark.parametrize("device", ["cpu", "cuda", "tensorrt"])
def test_a_device_that_is_none_of_its_own_is_refused_before_anything_is_loaded(
    name: str, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)
    own = device in runtime_of(name).devices
    said = (
        "install it"
        if own
        else rf"device is {device}, and {name} runs on (cpu|cuda)( or cuda)? here; give device="
    )
    with pytest.raises(InstallationError if own else InputError, match=said):
        runtime_of(name).check(device)


@every_runtime
def test_what_doctor_says_of_it_are_sentences(name: str) -> None:
    for sentence in runtime_of(name).findings(installed_versions()):
        assert "\n" not in sentence
        assert len(sentence) > 20


@every_runtime
def test_it_says_in_what_graphs_are_written_for_it(name: str) -> None:
    runtime = runtime_of(name)
    assert runtime.name == name
    assert runtime.title
    assert runtime.devices
    for device in runtime.devices:
        forms = runtime.forms_on(device)
        assert (forms is None) == (runtime.forms is None)
        if forms:
            assert "fp32" in forms.dialects
    if runtime.engines:
        assert all(suffix.startswith(".") and suffix != ".onnx" for suffix in runtime.engines.suffixes)


def test_targets_dialects_and_who_answers_follow_from_the_registry() -> None:
    assert list(TARGETS) == ["onnxruntime", "openvino", "tensorrt", "portable"]
    assert answering() == ("onnxruntime", "openvino", "toy")
    dialects = {
        "onnxruntime": {"fp32": "onnxruntime", "fp16": "onnxruntime-fp16", "int8": "onnxruntime-int8"},
        "openvino": {"fp32": "onnxruntime", "int8": "portable"},
        "tensorrt": dict.fromkeys(("fp32", "fp16", "int8"), "portable"),
        "portable": dict.fromkeys(("fp32", "fp16", "int8"), "portable"),
    }
    assert {
        target: {each: dialect_of(target, each) for each in forms.dialects}
        for target, forms in TARGETS.items()
    } == dialects
    assert [scheme_of(target) for target in TARGETS] == [
        "dynamic",
        "static",
        "static symmetric",
        "static symmetric",
    ]
    with pytest.raises(
        InputError, match=r"fp16' is for GPUs, and openvino .* add target='onnxruntime', tensorrt or portable"
    ):
        dialect_of("openvino", "fp16")


def test_a_name_that_is_no_runtime_is_told_with_those_that_are() -> None:
    with pytest.raises(InputError, match="runtime is 'tvm'; expected onnxruntime or openvino or tensorrt or"):
        runtime_of("tvm")


def test_engines_run_on_a_gpu_and_all_else_on_the_cpu_unless_it_is_said() -> None:
    assert usual_device(["tensorrt"]) == "cuda"
    assert usual_device(["tensorrt", "onnxruntime"]) == usual_device(["torch"]) == "cpu"
