"""A spec is told to another process as a line of JSON."""

import json
from dataclasses import replace
from pathlib import Path

from support import tiny

from export.ports import TOKEN_TYPE_IDS
from export.runtimes.engine_spec import EngineSpec


def test_it_survives_its_line_of_json(tmp_path: Path) -> None:
    plain = EngineSpec("onnxruntime", "cpu", 2, tiny.encoder(), tiny.WHOLE, None)
    full = EngineSpec(
        "openvino",
        "cuda",
        3,
        tiny.encoder("roberta"),
        tiny.WHOLE,
        tmp_path / "out.onnx",
        clients=4,
        timing="cuda-graph",
        bfloat16=True,
    )
    for spec in (plain, full):
        assert EngineSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_it_names_what_goes_in_and_comes_out() -> None:
    spec = EngineSpec("onnxruntime", "cpu", 1, tiny.encoder(), tiny.WHOLE, None)
    assert spec.inputs == ("input_ids", "attention_mask", TOKEN_TYPE_IDS)
    assert replace(spec, encoder=tiny.encoder("distilbert")).inputs == ("input_ids", "attention_mask")
    assert spec.outputs == ("start_logits", "end_logits")
