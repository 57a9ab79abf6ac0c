"""What bench --doctor says of installations: made-up ones, and the one that runs the tests."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from bench.measure.device_memory import is_out_of_device_memory
from trellis.cli.doctor import Installation, _linked_major, findings, hints, this_installation

BENCH = Path(sys.executable).with_name("bench")

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
        (replace(WELL, tensorrt_fault="TensorRT does not load."), "TensorRT does not load."),
        (
            with_versions(WELL, optimum_onnx="0.1.0", transformers="4.57.6"),
            "holds transformers back, at 4.57.6",
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
    assert _linked_major(library, "nvinfer") == 10
    assert _linked_major(library, "nvonnxparser") is None
    assert _linked_major(tmp_path / "absent.so", "nvinfer") is None


def test_this_installation_is_seen_as_it_is() -> None:
    found = this_installation()
    assert found.versions["onnx"] == version("onnx")
    assert "onnxruntime" in found.versions or "onnxruntime-gpu" in found.versions
    assert found.has_cuda_provider == ("onnxruntime-gpu" in found.versions)


@pytest.mark.parametrize(
    ("message", "is_that"),
    [
        ("CUDA out of memory. Tried to allocate 20.00 GiB", True),
        ("[ONNXRuntimeError] : 6 : CUDA failure 2: out of memory ; GPU=0", True),
        ("CUDA_ERROR_OUT_OF_MEMORY", True),
        ("BFCArena: Failed to allocate memory for requested buffer, in the CUDA provider", True),
        ("Failed to allocate memory for requested buffer of size 12", False),
        ("CUDA driver version is insufficient", False),
    ],
)
def test_a_gpu_without_memory_is_known_by_what_it_says(message: str, is_that: bool) -> None:
    assert is_out_of_device_memory(message) is is_that


def test_the_command_says_it_and_exits_by_it() -> None:
    # in a process of its own: other tests may have left a made-up TensorRT in this one
    program = "from trellis.cli.doctor import *; print(*findings(this_installation()), sep='\\n')"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    faults = found.stdout.strip().splitlines()
    done = subprocess.run([BENCH, "--doctor"], capture_output=True, text=True)
    assert done.returncode == bool(faults), done.stderr
    assert done.stdout.splitlines() == (faults or ["Nothing is wrong with this installation."])


def test_the_commands_say_it_when_they_meet_it(tmp_path: Path) -> None:
    """A second onnxruntime, as pip would leave it, and a provider that is not there: two sentences."""
    folder = tmp_path / "onnxruntime_gpu-1.31.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.31.1\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [BENCH, "--device", "cuda"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if "could not start" in done.stderr or done.returncode == 0:
        pytest.skip("there is a CUDA provider here")
    assert done.returncode == 2
    said = done.stderr.splitlines()
    assert "needs onnxruntime's CUDAExecutionProvider" in said[0]
    assert any("onnxruntime and onnxruntime-gpu are both installed" in line for line in said[1:])
    assert all(line.startswith("bench: ") for line in said)


def test_hints_leave_out_what_the_error_says_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.cli.doctor.this_installation", lambda: replace(WELL, versions={}))
    assert hints() == []
    two = {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"}
    monkeypatch.setattr("trellis.cli.doctor.this_installation", lambda: replace(WELL, versions=two))
    assert ["both installed" in hint for hint in hints()] == [True]
