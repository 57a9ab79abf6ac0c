"""Files whose metadata is ours and whose graph is not: one sentence of ours, and no line of the runtime's before it."""

import subprocess
import sys
from pathlib import Path

import onnx

BENCH = Path(sys.executable).with_name("bench")


def test_the_runtimes_own_lines_neither_come_first_nor_take_the_place_of_ours(make_file) -> None:
    path = make_file(dialect="portable")
    model = onnx.load(path)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, path)
    done = subprocess.run(
        [BENCH, path, "--threads", "1", "--seq", "32"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    *progress, said = done.stderr.splitlines()
    assert said.startswith(f"bench: onnxruntime does not load {path}: ")
    assert "NoSuchOperator" in said
    assert all(line.startswith(("timing ", "writing the graph of ", "loading")) for line in progress)
