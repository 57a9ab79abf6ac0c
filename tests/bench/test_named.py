"""What a folder stands for where a model is asked for."""

from pathlib import Path

import pytest

from bench.named import file_of
from trellis.errors import InputError


def _folder(folder: Path, *names: str) -> str:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"")
    return str(folder)


@pytest.mark.parametrize(
    ("names", "runtimes", "taken"),
    [
        (["m.onnx", "config.json", "tokenizer.json", "decoding.json"], (), "m.onnx"),
        (["m.onnx", "m.onnx.1.data", "config.json"], ("onnxruntime", "openvino"), "m.onnx"),
        (["m.onnx", "m.engine", "m.engine.json"], (), "m.onnx"),
        (["m.onnx", "m.engine", "m.engine.json"], ("tensorrt",), "m.engine"),
        (["m.onnx", "m.engine"], ("tensorrt", "onnxruntime"), "m.onnx"),
        (["m.plan", "m.plan.json"], (), "m.plan"),
        (["m.trt"], ("tensorrt",), "m.trt"),
        (["model.safetensors", "config.json", "m.onnx"], (), None),
        (["model-00001-of-00002.safetensors", "m.onnx"], ("onnxruntime",), None),
        (["config.json"], (), None),
        ([], (), None),
    ],
)
def test_a_folder_stands_for_the_one_file_in_it(tmp_path: Path, names, runtimes, taken: str | None) -> None:
    folder = _folder(tmp_path / "out", *names)
    assert file_of(folder, runtimes) == (str(tmp_path / "out" / taken) if taken else folder)


def test_of_several_one_is_to_be_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "out", "b.onnx", "a.onnx")
    with pytest.raises(InputError) as caught:
        file_of(folder)
    assert str(caught.value) == (
        f"{folder} holds 2 files (a.onnx, b.onnx); name one of them, like {folder}/a.onnx."
    )
    many = _folder(tmp_path / "many", *(f"{index}.engine" for index in range(9)))
    with pytest.raises(InputError, match=r"9 files \(0.engine, .*, 4.engine \.\.\.\)"):
        file_of(many)


@pytest.mark.parametrize("name", ["absent", "m.onnx", "owner/name"])
def test_what_is_no_folder_is_what_it_was(name: str) -> None:
    assert file_of(name) == name
