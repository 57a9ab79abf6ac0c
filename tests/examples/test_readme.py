"""The README's Python runs as it stands, where the files that it names are there."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import tiny
from support.folders import SENTENCE

from prune.checkpoint import save
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.squad.reading import write_squad

ROOT = Path(__file__).parents[2]


def program() -> str:
    """All of it but bench, which takes minutes to be sure of a tiny model."""
    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(text).partition("import bench")[0]


def test_it_is_short() -> None:
    lines = [line for line in program().splitlines() if line.strip()]
    assert len(lines) < 25


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("openvino") and find_spec("nncf")), reason="needs openvino and nncf")
def test_it_runs(tmp_path: Path) -> None:
    save(tiny.model(max_position_embeddings=384), tiny.tokenizer([SENTENCE]), tmp_path / "model_dir")
    (tmp_path / "out").mkdir()
    for name in ("train", "dev"):
        asked = [
            Question(f"{name} {index}", f"which is {index}", SENTENCE, (Answer(word, SENTENCE.index(word)),))
            for index, word in enumerate(SENTENCE.split()[:8])
        ]
        write_squad(asked, tmp_path / f"{name}.json")
    done = subprocess.run(
        [sys.executable, "-c", program()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "way='as served'" in done.stdout
    assert (tmp_path / "cut_model_dir" / "model.safetensors").is_file()
