"""The file is untrusted: what is wrong with it is one sentence."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from support import tiny
from support.folders import export_folder
from support.graphs import graph_of

from answer import Engine, open_answerer
from answer.engine import open_engine
from export.metadata import Metadata, properties_message, read_metadata
from prune.tasks.batch import Batch
from prune.tasks.question_answering import START
from prune.tasks.question_answering.answer import Run
from trellis.cores import available_cores
from trellis.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a tiny BERT."""
    export_folder(tmp_path / "out")
    return tmp_path / "out"


def replaced(folder: Path, graph: onnx.ModelProto) -> Path:
    """The folder with another graph under the same metadata."""
    path = folder / "model.onnx"
    stamp = properties_message(read_metadata(path)).SerializeToString()
    path.write_bytes(graph.SerializeToString() + stamp)
    return folder


def test_a_file_that_is_cut_off(folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(
        InputError, match=r"truncated or no ONNX file|damaged metadata|no file of prune-export's"
    ):
        open_answerer(folder)


def test_a_graph_without_our_metadata(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(graph_of(tiny.model(), "portable").SerializeToString())
    with pytest.raises(InputError, match="is no file of prune-export's"):
        open_answerer(folder)


def test_a_graph_that_takes_something_else(folder: Path) -> None:
    with pytest.raises(
        InputError, match=r"has the inputs attention_mask, input_ids; its metadata calls for .*token_type_ids"
    ):
        open_answerer(replaced(folder, graph_of(tiny.model("distilbert", vocab_size=320), "portable")))


def test_a_graph_that_gives_something_else(folder: Path) -> None:
    graph = graph_of(tiny.model(vocab_size=320), "portable")
    del graph.graph.output[1]
    with pytest.raises(
        InputError, match="has the outputs start_logits; its metadata calls for end_logits, start"
    ):
        open_answerer(replaced(folder, graph))


def test_a_graph_that_does_not_load(folder: Path) -> None:
    graph = graph_of(tiny.model(vocab_size=320), "portable")
    graph.graph.node[3].op_type = "Nonsense"
    with pytest.raises(InputError, match=r"onnxruntime does not load .*model.onnx: .*Nonsense"):
        open_answerer(replaced(folder, graph))


def test_a_graph_that_does_not_run(folder: Path) -> None:
    smaller = graph_of(tiny.model(vocab_size=10), "portable")
    with pytest.raises(InputError, match=r"onnxruntime cannot run .*model.onnx on 1 windows of \d+ tokens: "):
        open_answerer(replaced(folder, smaller)).answer("Who?", "Ada Birch pruned the tree")


def test_token_types_are_given_as_the_graph_takes_them(folder: Path, tmp_path: Path) -> None:
    export_folder(tmp_path / "distilbert", "distilbert")
    ids = np.array([[2, 9, 3, 8, 3]])
    types = np.array([[0, 0, 0, 1, 1]])

    def logits(where: Path, token_types: np.ndarray | None) -> np.ndarray:
        path = where / "model.onnx"
        run = open_engine("onnxruntime", path, read_metadata(path), 1)
        return run(Batch(ids, np.ones_like(ids), token_types))[START]

    zeros = np.zeros_like(ids)
    assert np.array_equal(logits(folder, None), logits(folder, zeros))
    assert not np.allclose(logits(folder, types), logits(folder, zeros))
    assert logits(tmp_path / "distilbert", types).shape == (1, 5)


def test_a_runtime_that_nobody_knows() -> None:
    with pytest.raises(InputError, match="runtime is 'tensorrt'; expected onnxruntime or openvino"):
        Engine("tensorrt")


def test_a_runtime_of_ones_own(folder: Path) -> None:
    opened, asked = [], ("Who?", "Ada Birch pruned the tree")

    def mine(path: Path, metadata: Metadata, threads: int) -> Run:
        opened.append((path.name, metadata.encoder.model_type, threads))
        return open_engine("onnxruntime", path, metadata, threads)

    found = open_answerer(folder, engine=Engine(threads=2), open_engine=mine).answer(*asked)
    assert found == open_answerer(folder, engine=Engine(threads=2)).answer(*asked)
    assert opened == [("model.onnx", "bert", 2)]


def test_threads_are_those_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    opened = onnxruntime.InferenceSession

    def noted(path: str, options: onnxruntime.SessionOptions, **more: object) -> onnxruntime.InferenceSession:
        asked.append(options.intra_op_num_threads)
        return opened(path, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", noted)
    open_answerer(folder, engine=Engine(threads=3))
    open_answerer(folder)
    assert asked == [3, available_cores()]
