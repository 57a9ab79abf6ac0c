"""Nothing heavy is needed: whole questions answered where torch, transformers and datasets cannot be imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.folders import SENTENCE, SETTINGS, export_folder

from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.questions import Question
from prune.tasks.torch_runner import torch_runner

HEAVY = ("torch", "transformers", "datasets")
BLOCKED = f"import sys\nfor name in {HEAVY}: sys.modules[name] = None  # importing them now fails\n"


def python(program: str, *arguments: object) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "module", ["answer", "trellis.cli.answer.command", "prune.tasks.question_answering.tokenizer_file"]
)
def test_an_import_loads_nothing_heavy(module: str) -> None:
    names = (*HEAVY, "onnxruntime", "openvino")
    assert python(f"import {module}, sys; print([name for name in {names} if name in sys.modules])") == "[]\n"


@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert"])
def test_a_question_is_answered_without_them(tmp_path: Path, model_type: str) -> None:
    model, tokenizer = export_folder(tmp_path / "out", model_type)
    program = f"""{BLOCKED}
from answer import Engine, Refusal, open_answerer
answerer = open_answerer(sys.argv[1], engine=Engine(threads=1), refusal=Refusal(never_refuse=True))
found = answerer.answer("Who trained it?", sys.argv[2], top_k=3)
print(found.text, found.null_odds, len(found.spans), sep="|")
"""
    text, odds, spans = python(program, tmp_path / "out", SENTENCE * 3).strip().split("|")
    asked = [Question("", "Who trained it?", SENTENCE * 3)]
    (expected,) = answer(asked, tokenizer, torch_runner(model), settings=SETTINGS)
    assert (text, spans) == (expected.best_text, "3")
    assert float(odds) == pytest.approx(expected.null_odds, abs=1e-4)


def test_the_command_answers_without_them(tmp_path: Path) -> None:
    export_folder(tmp_path / "out")
    asked = tmp_path / "asked.jsonl"
    asked.write_text(json.dumps({"question": "Who?", "context": SENTENCE, "id": "a"}) + "\n")
    program = f"{BLOCKED}from trellis.cli.answer.command import main\nmain()"
    told = python(program, tmp_path / "out", "--jsonl", asked, "--never-refuse")
    assert json.loads(told)["answer"] in SENTENCE


def test_onnxruntime_is_told_not_to_report_before_it_is_loaded(tmp_path: Path) -> None:
    export_folder(tmp_path / "out")
    program = """
import os, sys
os.environ.pop("ORT_DISABLE_TELEMETRY", None)
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watch())
from answer import open_answerer
open_answerer(sys.argv[1])
"""
    assert python(program, tmp_path / "out") == "1\n"


def test_without_onnxruntime_it_says_what_to_install(tmp_path: Path) -> None:
    export_folder(tmp_path / "out")
    program = (
        "import sys; sys.modules['onnxruntime'] = None\nfrom trellis.cli.answer.command import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out"), "Who?"],
        capture_output=True,
        text=True,
        input="Ada",
    )
    assert done.returncode == 2
    assert done.stderr == "answer: onnxruntime is not installed; install it: pip install onnxruntime.\n"


def test_without_openvino_it_says_what_to_install(tmp_path: Path) -> None:
    export_folder(tmp_path / "out")
    program = (
        "import sys; sys.modules['openvino'] = None\nfrom trellis.cli.answer.command import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out"), "Who?", "--runtime", "openvino"],
        capture_output=True,
        text=True,
        input="Ada",
    )
    assert done.returncode == 2
    assert done.stderr == (
        "answer: OpenVINO is not installed; install it (pip install openvino), or have onnxruntime run the file "
        "(--runtime onnxruntime).\n"
    )
