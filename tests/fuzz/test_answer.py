"""answer on folders, questions and numbers that are wrong somewhere: one sentence, or the answers."""

import json
import random
import shutil
from pathlib import Path

import onnx
import pytest
from fuzz.commands import hunt
from fuzz.hostile import TEXTS, VALUES, changed, damaged, written
from support.folders import SENTENCE, export_folder

from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DECODING_FILE
from prune.tasks.question_answering.squad.reading import write_squad

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "bert"
    export_folder(folder)
    return folder


def asked(room: Path) -> list[str]:
    """Arguments that ask the model in `room` about a text."""
    (room / "context.txt").write_text(SENTENCE)
    return [
        str(room / "model"),
        "Who trained the tree?",
        "--context",
        str(room / "context.txt"),
        "--threads",
        "1",
    ]


def test_metadata(made: Path, tmp_path: Path) -> None:
    """Another value in one of the texts that the file says of itself."""

    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(made, room / "model")
        file = room / "model" / "model.onnx"
        graph = onnx.load(file)
        entry = rng.choice(graph.metadata_props)
        match rng.randrange(5):
            case 0:
                entry.key = rng.choice(("x", "espalier.x", "espalier.format"))
            case 1:
                graph.metadata_props.remove(entry)
            case _:
                text = written(changed(json.loads(entry.value), rng), rng)
                entry.value = text.decode(errors="replace")
        file.write_bytes(graph.SerializeToString())
        return asked(room)

    hunt("metadata of ONNX files", "answer", tmp_path, 150, prepare)


def test_files_of_a_folder(made: Path, tmp_path: Path) -> None:
    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(made, room / "model")
        file = rng.choice(sorted((room / "model").iterdir()))
        match rng.randrange(6):
            case 0:
                file.unlink()
            case 1:
                file.unlink()
                file.symlink_to(rng.choice((file.name, "..", "/dev/null", "nowhere")))
            case 2 if file.suffix == ".json":
                file.write_bytes(written(changed(json.loads(file.read_bytes()), rng), rng))
            case _:
                file.write_bytes(damaged(file.read_bytes(), rng))
        return asked(room)

    hunt("an exported folder's files", "answer", tmp_path, 200, prepare)


def test_decoding_settings(made: Path, tmp_path: Path) -> None:
    settings = json.loads((made / DECODING_FILE).read_bytes())

    def prepare(rng: random.Random, room: Path) -> list[str]:
        shutil.copytree(made, room / "model")
        wrong = settings | {rng.choice(sorted(settings)): rng.choice(VALUES)}
        (room / "model" / DECODING_FILE).write_bytes(written(wrong, rng))
        return asked(room)

    hunt("decoding settings that answer reads", "answer", tmp_path, 200, prepare)


def test_json_lines(made: Path, tmp_path: Path) -> None:
    line = {"id": "a", "question": "Who trained the tree?", "context": SENTENCE}

    def prepare(rng: random.Random, room: Path) -> list[str]:
        lines = [line, changed(line, rng), line]
        (room / "asked.jsonl").write_bytes(b"\n".join(written(each, rng) for each in lines))
        return [str(made), "--jsonl", str(room / "asked.jsonl"), "--threads", "1"]

    hunt("JSON lines", "answer", tmp_path, 150, prepare)


def test_squad_files(made: Path, tmp_path: Path) -> None:
    questions = [
        Question(f"q{index}", "Who?", SENTENCE + str(index), (Answer("Ada Birch", 0),)) for index in range(4)
    ]
    write_squad(questions, tmp_path / "squad.json")
    document = json.loads((tmp_path / "squad.json").read_bytes())

    def prepare(rng: random.Random, room: Path) -> list[str]:
        (room / "out").mkdir()
        (room / "squad.json").write_bytes(written(changed(document, rng), rng))
        told = room / "out" / "told.json"
        return [str(made), "--squad", str(room / "squad.json"), "--out", str(told), "--threads", "1"]

    hunt("SQuAD files that answer reads", "answer", tmp_path / "cases", 150, prepare)


NUMBERS = (
    "--null-threshold",
    "--top-k",
    "--threads",
    "--max-batch-tokens",
    "--runtime",
    "--context",
    "--jsonl",
)
MORE = ("--squad", "--out", "--na-probs", "--nonsense", "--json", "--never-refuse")


def test_command_lines(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(rng: random.Random, room: Path) -> list[str]:
        monkeypatch.chdir(room)
        shutil.copytree(made, room / "model")
        option, value = rng.choice((*NUMBERS, *NUMBERS, *MORE)), rng.choice(TEXTS)
        if value == "-":  # would read what these tests are started with
            value = "0"
        arguments = [*asked(room), option, value]
        if rng.random() < 0.15:
            arguments[rng.randrange(len(arguments))] = rng.choice([text for text in TEXTS if text != "-"])
        return arguments

    hunt("answer's command lines", "answer", tmp_path, 250, prepare)
