import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["bench", "trellis.cli.bench.command", "bench.measure.worker", "export.runtimes"]
)
def test_importing_bench_imports_no_runtime(module: str) -> None:
    program = (
        f"import {module}, sys\n"
        "heavy = ('torch', 'transformers', 'onnxruntime', 'openvino', 'onnx', 'datasets')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
