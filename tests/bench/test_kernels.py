import subprocess
import sys

import pytest

from bench.kernels import by_operator


def test_the_fastest_reading_of_each_kernel_counts() -> None:
    readings = [
        (("A", "1"), 3.0),
        (("B", "2"), 9.0),
        (("A", "1"), 2.0),
        (("A", "3"), 1.0),
        (("B", "2"), 10.0),
    ]
    assert by_operator(iter(readings)) == {"B": (1, 9.0), "A": (2, 3.0)}
    assert list(by_operator(iter(readings))) == ["B", "A"]


@pytest.mark.parametrize(
    ("runtime", "operator"), [("onnxruntime", "Attention"), ("openvino", "FullyConnected")]
)
def test_a_real_file_by_its_real_profiler(make_file, runtime: str, operator: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'espalier[openvino]'")
    command = [
        sys.executable,
        "-m",
        "bench.kernels",
        make_file(),
        "--runtime",
        runtime,
        "--seq",
        "32",
        "--calls",
        "3",
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert operator in done.stdout
    assert "LayerNormalization" in done.stdout or runtime == "openvino"


def test_what_is_no_file_is_one_sentence() -> None:
    command = [sys.executable, "-m", "bench.kernels", "absent.onnx"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
