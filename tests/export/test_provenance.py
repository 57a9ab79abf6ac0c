"""What a file says of itself is read back with distrust."""

from typing import Any

import pytest

from export.provenance import allows_bfloat16, cpu_runtime_in, ranges_in, target_in


@pytest.mark.parametrize(
    ("said", "target", "runtime"),
    [
        ("onnxruntime", "onnxruntime", "onnxruntime"),
        ("openvino", "openvino", "openvino"),
        ("tensorrt", "tensorrt", None),
        ("portable", "portable", None),
        ("jax", None, None),
        (["openvino"], None, None),
        (None, None, None),
    ],
)
def test_what_a_file_was_written_for(said: Any, target: str | None, runtime: str | None) -> None:
    provenance = {} if said is None else {"target": said}
    assert (target_in(provenance), cpu_runtime_in(provenance)) == (target, runtime)


@pytest.mark.parametrize(
    ("said", "ranges"),
    [
        ({"ranges": "static"}, "static"),
        ({"ranges": "dynamic"}, "dynamic"),
        ({"ranges": "guessed"}, None),
        ({"ranges": ["static"]}, None),
        (8, None),
    ],
)
def test_how_ranges_were_found(said: Any, ranges: str | None) -> None:
    assert ranges_in({"int8": said}) == ranges
    assert ranges_in({}) is None


@pytest.mark.parametrize(
    ("precision", "ranges", "kept", "allowed"),
    [
        ("int8", "static", [], True),
        ("int8", "static", ["layer.1/ffn"], False),
        ("int8", "dynamic", [], False),
        ("int8", "static", None, False),
        ("fp32", "static", [], False),
        ("fp16", "static", [], False),
    ],
)
def test_bfloat16_beside_int8_alone(precision: str, ranges: str, kept: Any, allowed: bool) -> None:
    provenance = {"int8": {"ranges": ranges}, "kept_in_fp32": kept}
    assert allows_bfloat16(precision, provenance) is allowed
