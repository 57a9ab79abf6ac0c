"""What only a GPU can show of files for onnxruntime on one: pytest -m gpu tests/export/test_gpu.py"""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support import tiny
from support.graphs import NOTHING_LEFT, OUTPUTS, UNEQUAL, inputs_of, torch_logits

from export.graph.build import build_graph
from export.graph.weights import weights_of
from export.graph.write import write_onnx
from export.parity import check_parity
from prune.shape import ModelShape

MASKS = (
    [[1]],
    [[1] * 9, [1] * 4 + [0] * 5],
    [[0] * 3 + [1] * 4],
    [[1] * 62, [1] + [0] * 61],
    [[1] * 17] * 8,
    # lengths in eights, which more of onnxruntime's kernels for attention take; padded left, right and within
    [[0] * 3 + [1] * 13, [1] * 9 + [0] * 7, [1, 0] * 8],
    [[1] * 56, [1] + [0] * 55, [1, 0, 0, 1] * 14],
)
HEAD_SIZE = 16
"""The fused kernels want a multiple of 8."""
FORMS = {
    "fp32": ("onnxruntime", "fp32", 5e-3),  # as onnxruntime multiplies in TF32 there
    "fp16": ("onnxruntime-fp16", "fp16", 1e-2),
    "portable fp16": ("portable", "fp16", 1e-2),
}


@pytest.mark.gpu
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [UNEQUAL, NOTHING_LEFT], ids=["unequal", "nothing left"])
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_logits_are_the_models(model_type: str, shape: ModelShape, form: str, tmp_path: Path) -> None:
    onnxruntime.preload_dlls()
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime is not for GPUs")
    dialect, precision, tolerance = FORMS[form]
    sizes = {"head_size": HEAD_SIZE, "hidden_size": tiny.NUM_HEADS * HEAD_SIZE}
    if model_type != "electra":
        sizes["embedding_size"] = sizes["hidden_size"]
    model, encoder = tiny.model(model_type, shape, **sizes), tiny.encoder(model_type, **sizes)
    graph = build_graph(encoder, shape, weights_of(model), dialect=dialect, precision=precision)
    write_onnx(graph, tmp_path / "out.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "out.onnx", providers=["CUDAExecutionProvider"])
    if "CUDAExecutionProvider" not in session.get_providers():
        pytest.skip("onnxruntime finds no GPU")
    if precision == "fp16":
        assert check_parity(model, tmp_path / "out.onnx", precision).devices == ("CPU", "GPU")
    for seed, mask in enumerate(MASKS):
        inputs = inputs_of(encoder, mask, seed=seed)
        for found, expected in zip(
            session.run(list(OUTPUTS), inputs), torch_logits(model, inputs), strict=True
        ):
            scale = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)
