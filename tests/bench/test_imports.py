import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["bench", "bench.cli", "bench.worker"])
def test_importing_bench_imports_no_runtime(module: str) -> None:
    program = (
        f"import {module}, sys;"
        "print([name for name in ('torch', 'transformers', 'onnxruntime', 'onnx', 'datasets') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
