"""A runtime is one file and one line of the registry: the commands take it as they take those that are built in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import toy_runtime
from support.folders import SENTENCE, export_folder

BIN = Path(sys.executable).parent


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of processes that know the toy, workers of bench included."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(toy_runtime.IN_EVERY_PROCESS)
    return {**os.environ, "PYTHONPATH": str(site)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """In the one dialect that the toy reads."""
    export_folder(tmp_path / "out", dialect="portable")
    return tmp_path / "out" / "model.onnx"


def test_answer_answers_with_it(file: Path, environment: dict[str, str]) -> None:
    printed = []
    for runtime in ("onnxruntime", "toy"):
        done = subprocess.run(
            [BIN / "answer", file, "Who trained it?", "--never-refuse", "--runtime", runtime],
            capture_output=True,
            text=True,
            input=SENTENCE,
            env=environment,
        )
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(done.stdout)
    assert printed[0] == printed[1] != "\n"


def test_bench_times_it(file: Path, environment: dict[str, str], tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    arguments = [
        file,
        "--runtime",
        "toy",
        "--seq",
        8,
        "--launches",
        2,
        "--blocks",
        3,
        "--precision-goal",
        "99%",
    ]
    done = subprocess.run(
        [BIN / "bench", *map(str, arguments), "--json", str(found)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(found.read_bytes())
    (comparison,) = result["comparisons"]
    assert {comparison[role]["runtime"] for role in ("candidate", "baseline")} == {"toy"}
    assert comparison["baseline"]["dialect"] == "portable"
    assert "ml_dtypes" in result["environment"]["packages"]


def test_bench_says_what_it_knows(file: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [BIN / "bench", file, "--runtime", "tvm"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert "torch-compiled, toy" in done.stderr.replace("\n", " ")


def test_prune_export_writes_for_it(environment: dict[str, str]) -> None:
    program = "from export.target import *; print(dialect_of('toy', 'fp32'), scheme_of('toy'), *TARGETS)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout == "portable static onnxruntime openvino tensorrt toy portable\n"
