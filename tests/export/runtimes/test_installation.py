"""What is wrong with onnxruntime, of installations that are made up, and the one that runs the tests."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from export.runtimes.onnxruntime.installation import (
    Installation,
    findings,
    linked_major,
    this_installation,
)
from trellis.cli.doctor import installed_versions

WELL = Installation({"onnxruntime": "1.32.0", "transformers": "5.23.0", "torch": "2.13.0"})
ON_GPU = Installation(
    {"onnxruntime-gpu": "1.31.1", "transformers": "5.23.0", "tensorrt": "10.9.0"},
    wanted_tensorrt=10,
    has_cuda_provider=True,
    has_driver=True,
)


@pytest.mark.parametrize("installation", [WELL, ON_GPU])
def test_nothing_is_said_where_all_is_well(installation: Installation) -> None:
    assert list(findings(installation)) == []


def with_versions(installation: Installation, **versions: str) -> Installation:
    named = {name.replace("_", "-"): version for name, version in versions.items()}
    return replace(installation, versions={**installation.versions, **named})


@pytest.mark.parametrize(
    ("installation", "said"),
    [
        (with_versions(WELL, onnxruntime_gpu="1.31.1"), "both installed"),
        (replace(WELL, versions={}), "pip install onnxruntime."),
        (replace(ON_GPU, has_driver=False), "driver does not load"),
        (
            with_versions(ON_GPU, tensorrt="11.4.0"),
            'made for TensorRT 10, and 11.4.0 is installed: pip install "tens',
        ),
    ],
)
def test_each_fault_is_one_sentence(installation: Installation, said: str) -> None:
    (sentence,) = findings(installation)
    assert said in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_versions_are_compared_whole() -> None:
    (sentence,) = findings(with_versions(replace(ON_GPU, wanted_tensorrt=1), tensorrt="10.9.0"))
    assert "made for TensorRT 1," in sentence


def test_the_library_that_is_linked_is_read_from_the_file(tmp_path: Path) -> None:
    library = tmp_path / "libprovider.so"
    library.write_bytes(b"\x7fELF...libcudart.so.12\0libnvinfer.so.10\0libnvinfer_plugin.so.9\0")
    assert linked_major(library, "nvinfer") == 10
    assert linked_major(library, "nvonnxparser") is None
    assert linked_major(tmp_path / "absent.so", "nvinfer") is None


def test_this_installation_is_seen_as_it_is() -> None:
    found = this_installation(installed_versions())
    assert found.versions["onnx"] == version("onnx")
    assert "onnxruntime" in found.versions or "onnxruntime-gpu" in found.versions
    assert found.has_cuda_provider == ("onnxruntime-gpu" in found.versions)
