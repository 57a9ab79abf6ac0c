"""bench on real OpenVINO."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.commands import invoke

from bench.measure.inputs import random_inputs
from bench.models import Opener
from bench.workload import Workload
from export.runtimes import runtime_of
from export.runtimes.engine_spec import EngineSpec
from prune.checkpoint import random_model, save
from prune.tasks.question_answering import END, START
from trellis.cli.bench.command import COMMAND
from trellis.errors import InputError

openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    (tmp_path / "scratch").mkdir()
    return Opener("openvino", "cpu", 1, tmp_path / "scratch")


def test_a_directory_gives_the_same_logits_as_onnxruntime(opener: Opener, encoder, cut, tmp_path) -> None:
    save(random_model(encoder, cut), None, tmp_path / "model")
    inputs = random_inputs(encoder, Workload(2, 32))
    inputs["attention_mask"][1, 20:] = 0
    inputs["input_ids"][1, 20:] = encoder.pad_token_id
    logits = []
    for runtime in ("openvino", "onnxruntime"):
        model = replace(opener, runtime=runtime).open(str(tmp_path / "model"))
        run = runtime_of(runtime).load(model.engine)
        run(random_inputs(encoder, Workload(1, 7)))  # no shape is the only one
        logits.append(run(inputs))
    ours, theirs = logits
    assert list(ours) == list(theirs) == [START, END]
    for name in ours:
        assert ours[name].shape == (2, 32)
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-5)


@pytest.mark.parametrize("dialect", ["onnxruntime", "portable"])
def test_a_file_of_either_dialect_and_its_twin_run(
    opener: Opener, make_file, encoder, whole, dialect
) -> None:
    model = opener.open(str(make_file(dialect=dialect)))
    twin = opener.unpruned_twin(model)
    assert (twin.dialect, twin.engine.shape) == (dialect, whole)
    for one in (model, twin):
        found = runtime_of("openvino").load(one.engine)(random_inputs(encoder, Workload(1, 16)))
        assert found[START].shape == found[END].shape == (1, 16)
        assert np.isfinite(found[START]).all()


def test_what_cannot_be_served_is_one_sentence(opener: Opener, make_file, monkeypatch) -> None:
    with pytest.raises(InputError, match=r"device is cuda, and openvino runs on cpu here; give device='cpu'"):
        runtime_of("openvino").check("cuda")
    broken = make_file("broken.onnx")
    model = opener.open(str(broken))
    broken.write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"OpenVINO does not load .*broken\.onnx") as refused:
        runtime_of("openvino").load(model.engine)
    assert "\n" not in str(refused.value)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match="pip install openvino"):
        runtime_of("openvino").check("cpu")


def test_beside_int8_bfloat16_may_be_taken_and_the_twin_is_as_free(opener: Opener, make_file) -> None:
    said = {"int8": {"ranges": "static"}, "kept_in_fp32": []}
    model = opener.open(str(make_file(precision="int8", dialect="portable", provenance=said)))
    single = opener.open(str(make_file("single.onnx")))
    assert (model.engine.bfloat16, single.engine.bfloat16) == (True, False)
    assert EngineSpec.from_dict(model.engine.to_dict()) == model.engine
    pytest.importorskip("nncf", reason="NNCF is not installed: pip install nncf")
    twin = opener.unpruned_twin(model)
    assert twin.engine.bfloat16
    assert twin.engine.path
    assert opener.open(str(twin.engine.path)).form == twin.form == model.form
    assert not opener.unpruned_twin(model, in_fp32=True).engine.bfloat16


def test_bench_measures_on_it(make_file, tmp_path) -> None:
    """The file was written for it, so that nobody needs to say so."""
    file = make_file(provenance={"target": "openvino"})
    arguments = [file, "--seq", 32, "--launches", 2]
    result = invoke(COMMAND, [*arguments, "--precision-goal", "99%", "--json", tmp_path / "found.json"])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "found.json").read_bytes())
    assert found["comparisons"][0]["candidate"]["runtime"] == "openvino"
    assert "openvino" in found["environment"]["packages"]
