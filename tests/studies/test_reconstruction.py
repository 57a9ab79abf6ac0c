"""The study of reconstruction on a tiny model: cells that hold what was asked, and are not made twice."""

import json
from pathlib import Path

import pytest
from support import folders, tiny
from typer.testing import CliRunner

from prune.checkpoint import save
from studies.reconstruction.__main__ import app
from studies.store import read_store


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    save(tiny.model(vocab_size=320, seed=3), folders.TOKENIZERS["bert"](), folder)
    (folder / "decoding.json").write_text(json.dumps(folders.SETTINGS.to_dict()))
    return folder


def squad(path: Path, texts: int) -> Path:
    """Two questions on each text, one of which has an answer."""
    articles = []
    for number in range(texts):
        context = f"{folders.SENTENCE} That was tree {number}."
        answered = {"text": "1871", "answer_start": context.index("1871")}
        questions = [
            {"id": f"{path.stem}-{number}-{kind}", "question": "When was it trained?", "answers": answers}
            for kind, answers in (("yes", [answered]), ("no", []))
        ]
        for question in questions:
            question["is_impossible"] = not question["answers"]
        articles.append({"title": str(number), "paragraphs": [{"context": context, "qas": questions}]})
    path.write_text(json.dumps({"version": "v2.0", "data": articles}))
    return path


def test_each_ratio_is_a_cell_and_is_cut_and_measured_once(model: Path, tmp_path: Path) -> None:
    train, dev = squad(tmp_path / "train.json", 12), squad(tmp_path / "dev.json", 4)
    store = tmp_path / "numbers.json"
    arguments = ["run", "--store", store, "--model", model, "--train", train, "--dev", dev, "--ratio", 1.2]
    runner = CliRunner()
    done = runner.invoke(app, [*map(str, arguments), "--ratio", "2"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    cells = read_store(store)
    assert list(cells) == ["1.2x-512-windows-seed-0", "2x-512-windows-seed-0"]
    less, more = (cell["found"] for cell in cells.values())
    assert less["predicted"] < more["predicted"]
    for found in (less, more):
        assert found["rebuilt"] <= found["one_shot"]
        assert {figure["name"] for figure in found["figures"]} >= {
            "F1 as served",
            "has-answer F1, none refused",
        }
    again = runner.invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert (again.exit_code, again.output) == (0, "")
    shown = runner.invoke(app, ["table", "--store", str(store)], env={"COLUMNS": "200"})
    assert [line.split()[1] for line in shown.output.splitlines() if "windows-seed" in line] == list(cells)
