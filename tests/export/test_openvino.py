"""OpenVINO reads both dialects and computes what the model computes."""

from pathlib import Path
from typing import Any

import pytest
from support import tiny
from support.graphs import (
    DIALECTS,
    NOTHING_LEFT,
    OUTPUTS,
    UNEQUAL,
    assert_equal_logits,
    graph_of,
    inputs_of,
    torch_logits,
)

from export.graph.write import write_onnx
from prune.shape import ModelShape

openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")


def compiled(path: Path) -> Any:
    # the CPU plugin would otherwise take bfloat16 wherever the processor has it
    return openvino.Core().compile_model(
        path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
@pytest.mark.parametrize("shape", [UNEQUAL, NOTHING_LEFT], ids=["unequal", "nothing left"])
def test_equal_logits(tmp_path: Path, model_type: str, dialect: str, shape: ModelShape) -> None:
    model = tiny.model(model_type, shape)
    encoder = tiny.encoder(model_type)
    write_onnx(graph_of(model, dialect), tmp_path / "out.onnx")
    engine = compiled(tmp_path / "out.onnx")
    longest = encoder.max_length
    for masks in (
        [[1]],
        [[1] * 9, [1] * 4 + [0] * 5],
        [[0] * 3 + [1] * 4],
        [[1] * longest, [1] + [0] * (longest - 1)],
    ):
        inputs = inputs_of(encoder, masks)
        results = engine(inputs)
        start, end = (results[name] for name in OUTPUTS)
        assert_equal_logits((start, end), torch_logits(model, inputs), f"{len(masks)} × {len(masks[0])}")


def test_weights_beside_the_graph(tmp_path: Path) -> None:
    model = tiny.model("bert", UNEQUAL)
    write_onnx(graph_of(model, "portable"), tmp_path / "out.onnx", external_above=0)
    inputs = inputs_of(tiny.encoder(), [[1] * 9, [1] * 4 + [0] * 5])
    results = compiled(tmp_path / "out.onnx")(inputs)
    assert_equal_logits((results["start_logits"], results["end_logits"]), torch_logits(model, inputs))
