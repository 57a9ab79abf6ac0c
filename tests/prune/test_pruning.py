"""What a notebook calls is what the command is made of: the same cut, the same bytes, and parameters in its errors."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import tiny
from support.commands import invoke

import export
import prune
from prune.checkpoint import save
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DECODING_FILE
from prune.tasks.question_answering.squad.reading import write_squad
from trellis.cli.prune_export.command import COMMAND

CONTEXT = "The old pear tree was trained against the south wall in 1871 by Ada Birch"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, and questions about one text; every third has no answer."""
    folder = tmp_path_factory.mktemp("room")
    save(tiny.model(), tiny.tokenizer([CONTEXT]), folder / "model")
    questions = []
    for index in range(12):
        word = CONTEXT.split()[index % 9 + 1]
        answers = () if index % 3 == 2 else (Answer(word, CONTEXT.index(word)),)
        questions.append(Question(f"q{index}", f"which word is number {index}", CONTEXT, answers))
    write_squad(questions, folder / "questions.json")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_ten_lines_give_what_the_command_gives(room: Path, tmp_path: Path) -> None:
    (tmp_path / "typed").mkdir()
    (tmp_path / "called").mkdir()
    questions = str(room / "questions.json")
    typed = invoke(
        COMMAND,
        [
            *(
                room / "model",
                tmp_path / "typed" / "model.onnx",
                "--prune-heads",
                "50%",
                "--prune-ffn",
                "25%",
            ),
            *("--train", questions, "--dev", questions, "--retrain", 1, "--batch-size", 4, "--seed", 3),
            *("--target", "portable", "--save-model", tmp_path / "typed" / "saved"),
            *("--json", tmp_path / "found.json"),
        ],
    )
    assert typed.exit_code == 0, typed.output
    pruned = prune.prune(
        room / "model",
        prune.Amount(prune_heads=0.5, prune_ffn=0.25),
        data=prune.Data(train=questions, dev=(questions,)),
        training=prune.Training(retrain=1.0),
        settings=prune.TrainingSettings(batch_size=4),
        seed=3,
    )
    exported = export.export(pruned, tmp_path / "called" / "model.onnx", export.Output(target="portable"))
    pruned.save(tmp_path / "called" / "saved")
    found = json.loads((tmp_path / "found.json").read_bytes())
    assert pruned.choice.plan
    assert pruned.choice.plan.to_dict() == found["plan"]
    assert pruned.accuracy
    assert json.loads(json.dumps(pruned.accuracy.to_dict())) == found["accuracy"]
    assert exported.artifact.parity.to_dict() == found["parity"]
    for folder in ("", "saved"):
        assert files_of(tmp_path / "called" / folder) == files_of(tmp_path / "typed" / folder)


def test_a_model_by_name_is_exported_as_it_is(room: Path, tmp_path: Path) -> None:
    written = export.export(room / "model", tmp_path / "model.onnx").artifact
    assert written.metadata.shape == written.metadata.original_shape == tiny.WHOLE
    assert (tmp_path / DECODING_FILE).is_file()


def test_a_method_is_given_with_its_options(room: Path) -> None:
    pruned = prune.prune(
        room / "model",
        prune.Amount(prune_heads=0.5),
        method=prune.L0(gate_epochs=2, joint=True),
        data=prune.Data(train=str(room / "questions.json")),
        settings=prune.TrainingSettings(batch_size=6),
    )
    assert pruned.choice.plan
    assert pruned.choice.plan.shape.num_heads == 4  # of 8
    assert len(pruned.choice.found["gates"][0]["log"]) == 4  # two epochs of two steps


def test_finished_stages_are_gone_on_with(room: Path, tmp_path: Path) -> None:
    told: list[str] = []

    def call() -> prune.Pruned:
        told.clear()
        return prune.prune(
            room / "model",
            prune.Amount(prune_ffn=0.5),
            method="random",
            data=prune.Data(train=str(room / "questions.json")),
            training=prune.Training(distill=1),
            work=tmp_path / "work",
            progress=lambda what, done, total: told.append(what.partition(" (")[0]),
        )

    first = call()
    assert "distilling" in told
    assert call().training == first.training
    assert "distilling" not in told


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "within a group": (
        lambda room: prune.Amount(prune_heads=1.0),
        r"^prune_heads is 1; expected a fraction of at least 0 and below 1, such as 50% or 0\.5\.$",
    ),
    "between groups": (
        lambda room: prune.prune(room / "model", training=prune.Training(retrain=1)),
        r"^retrain trains on questions; name them with train\.$",
    ),
    "of a method": (
        lambda room: prune.prune(room / "model", prune.Amount(prune_heads=0.5), method="l0"),
        r"^method='l0' trains gates on annotated questions; name them with train\.$",
    ),
    "no such method": (
        lambda room: prune.prune(room / "model", method="pain"),
        r"^method is 'pain'; there are gain, l0, random",
    ),
    "a seed": (lambda room: prune.prune(room / "model", seed=-1), r"^seed is -1; expected a whole number"),
    "of a model": (
        lambda room: prune.prune(
            room / "model",
            prune.Amount(no_prune=True),
            data=prune.Data(train=str(room / "questions.json"), train_length=65),
            training=prune.Training(retrain=1),
        ),
        r"^train_length is 65; the model reads at most 64 tokens\.$",
    ),
    "of an export": (
        lambda room: export.Output(target="openvino", precision="fp16"),
        r"^precision='fp16' is for GPUs, .*; add target='onnxruntime', .*, or give precision='int8'\.$",
    ),
    "between cut and export": (
        lambda room: export.export(
            room / "model", room / "o.onnx", export.Output(precision="int8", max_f1_loss=1.0)
        ),
        r"^max_f1_loss says how much int8 may cost on the questions of dev; add dev='FILE'\.$",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_errors_name_parameters(room: Path, call: Callable[[Path], object], sentence: str) -> None:
    before = sorted(room.rglob("*"))
    with pytest.raises(prune.InputError, match=sentence):
        call(room)
    assert sorted(room.rglob("*")) == before
