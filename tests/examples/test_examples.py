"""The examples run as they stand, each in a process of its own, on tiny models."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import tiny
from support.folders import SENTENCE, export_folder

from prune.checkpoint import load, save
from prune.cut import shrink
from prune.families.layers import shape_of
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.squad.reading import write_squad

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: object) -> str:
    """What the example prints."""
    example = EXAMPLES / name
    program = ["bash", example] if example.suffix == ".sh" else [sys.executable, example]
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        [*program, *map(str, arguments)],
        env=os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"},
        cwd=EXAMPLES.parent,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def save_model(directory: Path) -> None:
    save(tiny.model(max_position_embeddings=384), tiny.tokenizer([SENTENCE]), directory)


def test_each_is_short_and_all_are_known_here() -> None:
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES.iterdir()}
    assert sorted(lines) == [
        "01-cut-and-export.sh",
        "02-measure.sh",
        "03-answer.py",
        "04-load-a-cut-model.py",
        "05-gate.yml",
        "06-from-python.py",
        "07-measure-from-python.py",
    ]
    assert max(count for name, count in lines.items() if not name.endswith(".yml")) < 40


def test_a_folder_is_asked(tmp_path: Path) -> None:
    export_folder(tmp_path / "out")
    first, *others = run("03-answer.py", tmp_path / "out").splitlines()[-3:]
    assert " from character " in first
    assert [line.split(":")[0] for line in others] == ["who", "when"]


def test_a_cut_model_is_loaded(tmp_path: Path) -> None:
    save(shrink(tiny.model(), tiny.UNEVEN), tiny.tokenizer([SENTENCE]), tmp_path / "cut")
    assert run("04-load-a-cut-model.py", tmp_path / "cut").splitlines() == [
        "BertForQuestionAnswering",
        "layer 0: 3 heads, 0 activations",
        "layer 1: 0 heads, 4 activations",
        "loaded alike both ways: True",
    ]


def test_from_python(tmp_path: Path) -> None:
    save_model(tmp_path / "model")
    dev = tmp_path / "dev.json"
    asked = [
        Question(f"q{index}", f"which word is {index}", SENTENCE, (Answer(word, SENTENCE.index(word)),))
        for index, word in enumerate(SENTENCE.split()[:6])
    ]
    write_squad(asked, dev)
    lines = run("06-from-python.py", tmp_path / "model", tmp_path / "out", dev).splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["F1 as served", "has-answer F1 as served"]
    for precision, line in zip(("fp32", "int8"), lines[2:], strict=True):
        assert line.startswith(f"{tmp_path / 'out' / precision / 'model.onnx'}: ")
    assert shape_of(load(tmp_path / "out" / "cut")).num_heads == 4  # of 8


@pytest.mark.slow
def test_cut_exported_and_measured(tmp_path: Path) -> None:
    save_model(tmp_path / "model")
    run("01-cut-and-export.sh", tmp_path / "model", tmp_path / "work")
    shape = shape_of(load(tmp_path / "work" / "cut"))
    half_of_two_layers = (4, 12)
    assert (shape.num_heads, shape.intermediate_size) == half_of_two_layers
    assert (tmp_path / "work" / "mild" / "model.onnx").exists()

    run("02-measure.sh", tmp_path / "work" / "deep", tmp_path / "model")
    result = json.loads((tmp_path / "work" / "deep" / "bench.json").read_text(encoding="utf-8"))
    (comparison,) = result["comparisons"]
    assert [point["where"] for point in comparison["points"]] == ["batch 1, seq 32", "batch 8, seq 32"]
    assert "<svg" in (tmp_path / "work" / "deep" / "page.html").read_text(encoding="utf-8")

    *points, met = run(
        "07-measure-from-python.py", tmp_path / "work" / "deep", tmp_path / "model"
    ).splitlines()
    found = [line for line in points if not line.startswith("Note: ")]
    assert [line.split("×")[0].rpartition(" ")[0] for line in found] == [
        "batch 1, seq 32:",
        "batch 8, seq 32:",
    ]
    assert met == "every limit is met: True"


def test_without_arguments_a_script_says_what_it_wants() -> None:
    done = subprocess.run(
        ["bash", EXAMPLES / "01-cut-and-export.sh"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "give a model directory" in done.stderr
