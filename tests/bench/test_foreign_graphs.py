"""Files whose metadata is ours and whose graph is not: one sentence of ours, and no line of the runtime's before it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from bench.measure.runners import runner
from bench.workload import EngineSpec
from trellis.errors import InputError

BENCH = Path(sys.executable).with_name("bench")
IDS = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])


def _sequences(graph: onnx.GraphProto) -> None:
    """Both outputs become sequences of one tensor."""
    for index, name in enumerate(("start_logits", "end_logits")):
        graph.node.add().CopyFrom(helper.make_node("SequenceConstruct", [name], [f"sequence_{index}"]))
        graph.node.add().CopyFrom(
            helper.make_node("SequenceInsert", [f"sequence_{index}", name], [f"out_{index}"])
        )
        for node in graph.node[:-2]:
            node.output[:] = [each + "_tensor" if each == name else each for each in node.output]
        for node in graph.node[-2:]:
            node.input[:] = [each + "_tensor" if each == name else each for each in node.input]
        graph.node[-1].output[0] = name
    kept = [
        helper.make_tensor_sequence_value_info(each.name, TensorProto.FLOAT, None) for each in graph.output
    ]
    del graph.output[:]
    graph.output.extend(kept)


def _integers(graph: onnx.GraphProto) -> None:
    for output in list(graph.output):
        inner = f"{output.name}_float"
        for node in graph.node:
            node.output[:] = [inner if each == output.name else each for each in node.output]
        graph.node.add().CopyFrom(helper.make_node("Cast", [inner], [output.name], to=TensorProto.INT64))
        output.type.tensor_type.elem_type = TensorProto.INT64


def _nameless(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        node.output[:] = ["finish_logits" if each == "end_logits" else each for each in node.output]
    graph.output[1].name = "finish_logits"


def _thirsty(graph: onnx.GraphProto) -> None:
    graph.input.add().CopyFrom(helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch"]))


@pytest.fixture
def broken(make_file, encoder, cut) -> Callable[..., EngineSpec]:
    """An engine over a file whose graph was changed."""

    def make(change: Callable[[onnx.GraphProto], None]) -> EngineSpec:
        path = make_file(dialect="portable")
        model = onnx.load(path)
        change(model.graph)
        onnx.save(model, path)
        return EngineSpec("onnxruntime", "cpu", 1, encoder, cut, path)

    return make


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_sequences, r"gives start_logits as seq\(tensor\(float\)\), expected one of tensor\(float\)"),
        (_integers, r"gives start_logits as tensor\(int64\), expected one of"),
        (_nameless, "has no end_logits: it is no question-answering model"),
        (_thirsty, r"has inputs that are not fed \(pixels\)"),
    ],
)
def test_what_a_graph_gives_and_takes_is_looked_at(broken, change, said: str) -> None:
    with pytest.raises(InputError, match=said):
        runner("onnxruntime").load(broken(change))


def test_the_runtimes_own_lines_neither_come_first_nor_take_the_place_of_ours(broken) -> None:
    def wrong(graph: onnx.GraphProto) -> None:
        graph.node[0].op_type = "NoSuchOperator"

    path = broken(wrong).path
    done = subprocess.run(
        [BENCH, path, "--threads", "1", "--seq", "32"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    *progress, said = done.stderr.splitlines()
    assert said.startswith(f"bench: onnxruntime does not load {path}: ")
    assert "NoSuchOperator" in said
    assert all(line.startswith(("timing ", "writing the graph of ", "loading")) for line in progress)
