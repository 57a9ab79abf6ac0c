"""The same answers from OpenVINO, on the real one."""

import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support import tiny
from support.folders import SENTENCE, TOKENIZERS, export_folder
from support.graphs import graph_of, inputs_of

from answer import Answer, Engine, InputError, Refusal, open_answerer
from answer.engine import open_engine
from export.metadata import properties_message, read_metadata, stamp
from prune.tasks.batch import Batch

openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
ASKED = [("Who trained the tree?", SENTENCE * count) for count in (1, 2, 9)] + [("", ""), ("Who?", "côté 🌳")]


@pytest.mark.parametrize("model_type", TOKENIZERS)
@pytest.mark.parametrize("dialect", ["onnxruntime", "portable"])
def test_answers_are_those_of_onnxruntime(tmp_path: Path, model_type: str, dialect: str) -> None:
    export_folder(tmp_path, model_type, dialect=dialect)
    usual = open_answerer(tmp_path, engine=Engine(threads=1))
    expected = [usual.answer(*each, top_k=2) for each in ASKED]
    # where the odds are furthest apart, so that rounding decides nothing
    odds = sorted(one.null_odds for one in expected if one.spans)
    threshold = statistics.mean(max(pairwise(odds), key=lambda pair: pair[1] - pair[0]))
    found = open_answerer(
        tmp_path, engine=Engine("openvino", threads=1), refusal=Refusal(null_threshold=threshold)
    )
    for asked, one in zip(ASKED, expected, strict=True):
        other = found.answer(*asked, top_k=2)
        assert [span.text for span in other.spans] == [span.text for span in one.spans]
        assert other.refused == (one.null_odds > threshold)
        np.testing.assert_allclose(other.null_odds, one.null_odds, atol=1e-4)


@pytest.mark.parametrize(("target", "runtime"), [("openvino", "OpenVINO"), ("onnxruntime", "onnxruntime")])
def test_a_file_is_run_by_what_it_was_written_for(tmp_path: Path, target: str, runtime: str) -> None:
    export_folder(tmp_path)
    path = tmp_path / "model.onnx"
    metadata = replace(read_metadata(path), provenance={"target": target})
    graph = graph_of(tiny.model(vocab_size=320), "portable")
    graph.graph.node[3].op_type = "Nonsense"
    stamp(graph, metadata)
    path.write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match=f"^{runtime} does not load"):
        open_answerer(tmp_path)


def test_answers_in_int8_are_near_those_in_float32(tmp_path: Path) -> None:
    """Nearer than the questions' are to each other."""
    pytest.importorskip("nncf", reason="NNCF is not installed: pip install nncf")
    from export.graph.precision.static import quantize_static

    export_folder(tmp_path, dialect="portable")
    odds = [one.null_odds for one in all_answers(tmp_path, "openvino")]
    path, metadata = tmp_path / "model.onnx", read_metadata(tmp_path / "model.onnx")
    graph = onnx.load(path)
    windows = [inputs_of(metadata.encoder, [[1] * 40], seed=seed) for seed in range(16)]
    graph = quantize_static(graph, windows, symmetric=False)
    said = {"target": "openvino", "int8": {"ranges": "static"}, "kept_in_fp32": []}
    stamp(graph, replace(metadata, precision="int8", provenance=said))
    path.write_bytes(graph.SerializeToString())
    rounded = [one.null_odds for one in all_answers(tmp_path, None)]
    assert odds != rounded
    assert np.abs(np.subtract(odds, rounded)).mean() < 0.5 * np.abs(np.subtract(odds, np.mean(odds))).mean()


def all_answers(folder: Path, runtime: Any) -> list[Answer]:
    answerer = open_answerer(folder, engine=Engine(runtime, threads=1))
    texts = [SENTENCE[index * 7 :] for index in range(12)]
    return [answerer.answer("Who trained the tree?", text) for text in texts]


def test_threads_share_it(tmp_path: Path) -> None:
    export_folder(tmp_path)
    answerer = open_answerer(tmp_path, engine=Engine("openvino", threads=1))
    texts = [SENTENCE[index:] + SENTENCE for index in range(24)]
    alone = [answerer.answer("Who?", text).null_odds for text in texts]
    assert len(set(alone)) > 12
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: answerer.answer("Who?", text).null_odds, texts))
    assert together == pytest.approx(alone, abs=1e-6)


def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path: Path) -> None:
    export_folder(tmp_path)
    path = tmp_path / "model.onnx"
    ours = properties_message(read_metadata(path)).SerializeToString()

    def put(graph: onnx.ModelProto) -> None:
        path.write_bytes(graph.SerializeToString() + ours)

    graph = graph_of(tiny.model(vocab_size=320), "portable")
    graph.graph.node[3].op_type = "Nonsense"
    put(graph)
    with pytest.raises(InputError, match=r"^OpenVINO does not load .*model.onnx: [^\n]*Nonsense[^\n]*$"):
        open_answerer(tmp_path, engine=Engine("openvino"))
    path.write_bytes(b"no graph" + ours)
    with pytest.raises(InputError, match=r"truncated or no ONNX file"):
        open_answerer(tmp_path, engine=Engine("openvino"))
    put(graph_of(tiny.model("distilbert", vocab_size=320), "portable"))
    with pytest.raises(InputError, match=r"has the inputs attention_mask, input_ids; its metadata calls for"):
        open_answerer(tmp_path, engine=Engine("openvino"))


def test_longer_windows_than_the_model_takes_never_reach_it(tmp_path: Path) -> None:
    export_folder(tmp_path)
    run = open_engine("openvino", tmp_path / "model.onnx", read_metadata(tmp_path / "model.onnx"), 1)
    ids = np.ones((2, 65), np.int64)
    with pytest.raises(
        InputError, match=r"windows have 65 tokens, and the model in .*model\.onnx takes 64 at most"
    ):
        run(Batch(ids, ids, ids))


def test_the_command(tmp_path: Path) -> None:
    export_folder(tmp_path)
    printed = []
    for runtime in ("onnxruntime", "openvino"):
        # neither runtime loads the other, nor anything that answering does not need
        program = (
            "import sys\n"
            f"absent = {{'onnxruntime', 'openvino', 'torch', 'transformers'}} - {{{runtime!r}}}\n"
            "sys.modules.update(dict.fromkeys(absent))\n"
            "from trellis.cli.answer.command import main\nmain()"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), "Who?", "--never-refuse", "--runtime", runtime],
            capture_output=True,
            text=True,
            input=SENTENCE,
        )
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(done.stdout)
    assert printed[0] == printed[1] != "\n"
