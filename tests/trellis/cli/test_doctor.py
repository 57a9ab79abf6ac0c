"""What bench --doctor says of installations: made-up ones, and the one that runs the tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from bench.measure.device_memory import is_out_of_device_memory
from export.runtimes import RUNTIMES
from trellis.cli.doctor import findings, hints, installed_versions
from trellis.errors import InstallationError

BENCH = Path(sys.executable).with_name("bench")


@pytest.fixture
def _sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """All runtimes are well."""
    for runtime in RUNTIMES.values():
        monkeypatch.setattr(runtime, "findings", lambda versions: iter(()))


@pytest.mark.usefixtures("_sound")
def test_nothing_is_said_where_all_is_well() -> None:
    assert list(findings({"transformers": "5.23.0"})) == []


@pytest.mark.usefixtures("_sound")
def test_what_goes_with_no_runtime_is_one_sentence() -> None:
    (sentence,) = findings({"optimum-onnx": "0.1.0", "transformers": "4.57.6"})
    assert "holds transformers back, at 4.57.6" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.usefixtures("_sound")
def test_each_runtime_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for name, runtime in RUNTIMES.items():

        def said(versions: dict[str, str], name: str = name) -> Iterator[str]:
            asked.append((name, versions))
            yield f"{name} does not load."

        monkeypatch.setattr(runtime, "findings", said)
    assert list(findings({"numpy": "2.0"})) == [f"{name} does not load." for name in RUNTIMES]
    assert asked == [(name, {"numpy": "2.0"}) for name in RUNTIMES]


def test_a_tensorrt_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str) -> None:
        raise InstallationError(f"{name} does not load.")

    monkeypatch.setattr("export.runtimes.tensorrt.adapter.find_spec", lambda module: object())
    monkeypatch.setattr("export.runtimes.tensorrt.adapter.find_library", refused)
    assert list(RUNTIMES["tensorrt"].findings({})) == ["tensorrt does not load."]


def test_this_installation_is_seen_as_it_is() -> None:
    assert installed_versions()["onnx"] == version("onnx")


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
    program = "from trellis.cli.doctor import *; print(*findings(installed_versions()), sep='\\n')"
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
    monkeypatch.setattr("trellis.cli.doctor.installed_versions", dict)
    assert not any("is not installed" in hint for hint in hints())
    two = {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"}
    monkeypatch.setattr("trellis.cli.doctor.installed_versions", lambda: two)
    assert any("both installed" in hint for hint in hints())
