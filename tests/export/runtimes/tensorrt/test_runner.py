"""Running an engine: what can be said without a GPU, and one test that wants one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import tiny
from support.graphs import OUTPUTS, inputs_of, onnx_logits

from export.runtimes.cuda import Device
from export.runtimes.tensorrt.build import BuiltEngine, build_engine
from export.runtimes.tensorrt.network import Tensor
from export.runtimes.tensorrt.profile import parse_profiles
from export.runtimes.tensorrt.runner import EngineRunner, checked_inputs, largest_size, not_loaded
from trellis.errors import InputError

EXPECTED = (Tensor("input_ids", "int64", (-1, -1)), Tensor("attention_mask", "int64", (-1, -1)))


def has_gpu() -> bool:
    try:
        with Device():
            return True
    except InputError:
        return False


def test_inputs_are_made_what_the_engine_takes() -> None:
    ids = np.arange(12, dtype=np.int32).reshape(3, 4).T
    found = checked_inputs({"attention_mask": np.ones((4, 3), np.uint8), "input_ids": ids}, EXPECTED)
    assert list(found) == ["input_ids", "attention_mask"]
    assert all(array.dtype == np.int64 and array.flags.c_contiguous for array in found.values())
    np.testing.assert_array_equal(found["input_ids"], ids)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (
            {"input_ids": np.ones((1, 2), int)},
            "The inputs are input_ids; the engine takes input_ids, attention_mask",
        ),
        ({"input_ids": np.ones((1, 2), int), "mask": np.ones((1, 2), int)}, "The inputs are input_ids, mask"),
        (
            {"input_ids": np.ones((1, 2), int), "attention_mask": np.ones((1, 3), int)},
            r"input_ids \[1, 2\], attention_mask \[1, 3\]; expected \[batch, sequence\]",
        ),
        ({"input_ids": np.ones(2, int), "attention_mask": np.ones(2, int)}, r"expected \[batch, sequence\]"),
        (
            {"input_ids": np.ones((1, 2)), "attention_mask": np.ones((1, 2), int)},
            "The input input_ids is of float64; expected whole numbers",
        ),
    ],
)
def test_other_inputs_are_refused(inputs: dict[str, NDArray[Any]], told: str) -> None:
    with pytest.raises(InputError, match=told):
        checked_inputs(inputs, EXPECTED)


def test_buffers_hold_the_largest_batch_of_any_profile() -> None:
    assert largest_size(parse_profiles("1x512,4..32x16..100,64x3")) == 3200


def test_without_a_gpu_that_is_said(built: BuiltEngine) -> None:
    if has_gpu():
        pytest.skip("there is a GPU")
    runner = EngineRunner(built.path)
    with pytest.raises(InputError, match="GPU"), runner:
        pass


def test_a_damaged_engine_is_not_loaded(built: BuiltEngine, tmp_path: Path) -> None:
    for file in built.path.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    engine = tmp_path / built.path.name
    engine.write_bytes(engine.read_bytes()[:1000])
    with pytest.raises(InputError, match="is truncated"):
        EngineRunner(engine)


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ("Serialization assertion stdVersionRead == serializationVersion failed", True),
        ("The engine cannot run on this GPU. TensorRT-RTX does not support this compute capability", False),
    ],
)
def test_to_build_again_is_advised_only_where_it_helps(told: str, advice: bool) -> None:
    sentence = not_loaded("TensorRT for RTX 1.7", Path("out.engine"), "1.7", told)
    assert sentence.startswith(
        f"TensorRT for RTX 1.7 does not load out.engine, which version 1.7 built: {told}."
    )
    assert sentence.endswith("Build it again with this version, for this GPU.") == advice


@pytest.mark.gpu
@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_an_engine_gives_the_logits_of_its_graph(stamped: Any, tmp_path: Path, model_type: str) -> None:
    if not has_gpu():
        pytest.skip("needs an NVIDIA GPU")
    file = stamped(model_type)
    profiles = parse_profiles("1x1..32..62,2..4..8x4..62")
    built = build_engine(file, profiles, tmp_path / "out.engine", tf32=False)
    masks = ([[1] * 9], [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], [[1]], [[1] * 62] * 8, [[1] * 9])
    with EngineRunner(built.path) as runner:
        for seed, mask in enumerate(masks):
            inputs = inputs_of(tiny.encoder(model_type), mask, seed=seed)
            found = runner.infer(inputs)
            for output, expected in zip(OUTPUTS, onnx_logits(file, inputs), strict=True):
                assert found[output].shape == expected.shape
                scale = max(1.0, float(np.abs(expected).max()))
                np.testing.assert_allclose(found[output], expected, rtol=0, atol=1e-4 * scale)
        with pytest.raises(InputError, match="the engine serves"):
            runner.infer(inputs_of(tiny.encoder(model_type), [[1] * 9] * 9))
