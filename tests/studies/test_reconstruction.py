"""The study of reconstruction on a tiny model: cells that hold what was asked, and are not made twice."""

import json
from pathlib import Path

import pytest
from support import folders, tiny
from typer.testing import CliRunner

from prune.checkpoint import save
from prune.loaded_model import open_model
from prune.methods.reconstruction.budget import fewer_multiply_adds
from prune.methods.reconstruction.calibrated import calibrate
from prune.methods.reconstruction.choice import one_shot
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.inputs import batches_of
from prune.methods.reconstruction.reconstruct import cut_to
from prune.methods.reconstruction.settings import ReconstructionSettings
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.question_answering.squad.task import SquadTraining
from prune.tasks.question_answering.stored import StoredWindows
from studies.reconstruction.__main__ import app
from studies.store import read_store
from trellis.errors import InputError


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


def divergences_on(dev: Path, model: Path, train: Path, ratio: float) -> dict[str, float]:
    """Of `model` cut so far, before and after it is rebuilt, on all questions of `dev`."""
    subject, pad = open_model(str(model)), 0
    questions = SquadTraining(read_squad(str(train)))
    windows = StoredWindows.of(questions.windows(subject.tokenizer, subject.settings))
    calibrated = calibrate(subject.model, windows, ReconstructionSettings(), pad_token_id=pad)
    result = cut_to(calibrated, fewer_multiply_adds(subject.model, ratio))
    asked = StoredWindows.of(enumerate(subject.windows(read_squad(str(dev)))))
    reference = Reference.of(subject.model, batches_of(subject.model, asked, pad))
    return {
        "one_shot": reference.divergence(one_shot(calibrated, result.plan)),
        "rebuilt": reference.divergence(result.model),
    }


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
    assert less["dev"]["rebuilt"] < more["dev"]["rebuilt"]
    assert more["dev"] == pytest.approx(divergences_on(dev, model, train, 2), rel=1e-6)
    for found in (less, more):
        assert {figure["name"] for figure in found["figures"]} >= {
            "F1 as served",
            "has-answer F1, none refused",
        }
    again = runner.invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert (again.exit_code, "calibration" in done.output, "calibration" in again.output) == (0, True, False)
    assert read_store(store) == cells
    shown = runner.invoke(app, ["table", "--store", str(store)], env={"COLUMNS": "200"})
    assert [line.split()[1] for line in shown.output.splitlines() if "windows-seed" in line] == list(cells)


def test_other_inputs_do_not_count_as_stored(model: Path, tmp_path: Path) -> None:
    train, dev = squad(tmp_path / "train.json", 12), squad(tmp_path / "dev.json", 4)
    other_train, other_dev = squad(tmp_path / "train2.json", 11), squad(tmp_path / "dev2.json", 5)
    other_model = tmp_path / "other"
    save(tiny.model(vocab_size=320, seed=4), folders.TOKENIZERS["bert"](), other_model)
    (other_model / "decoding.json").write_text((model / "decoding.json").read_text())
    common = ["run", "--store", tmp_path / "numbers.json", "--ratio", 2]
    first = {"model": model, "train": train, "dev": dev}

    def run(**inputs: Path) -> str:
        options = [each for name, value in inputs.items() for each in (f"--{name}", value)]
        return CliRunner().invoke(app, [*map(str, common + options)], catch_exceptions=False).output

    assert "calibration" in run(**first)
    for name, other in (("model", other_model), ("train", other_train), ("dev", other_dev)):
        with pytest.raises(InputError, match=f"was found with another {name} .*name another --store"):
            run(**{**first, name: other})
    copied = tmp_path / "copied.json"
    copied.write_bytes(dev.read_bytes())
    assert "calibration" not in run(**{**first, "dev": copied})
