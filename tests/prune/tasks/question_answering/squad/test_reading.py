import gzip
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.real_data import REAL_DATA, needs_real_data

from prune.tasks.question_answering.natural_questions.documents import read_documents
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.squad.reading import (
    read_questions,
    read_squad,
    read_trainable,
    write_squad,
)
from trellis.errors import InputError

CONTEXT = "Ada Birch pruned the pear tree in 1871."
QUESTIONS = [
    Question("q1", "Who pruned it?", CONTEXT, (Answer("Ada Birch", 0), Answer("Birch", 4))),
    Question("q2", "Who felled it?", CONTEXT),
    Question("q3", "Où est l'arbre?", "Contre le mur — à côté.", (Answer("à côté", 16),)),
]


def document(**changes: object) -> dict:
    """A SQuAD 2.0 file with one question, some of whose fields are changed; None removes one."""
    question = {"id": "q1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]}
    question = {name: value for name, value in (question | changes).items() if value is not None}
    return {
        "version": "v2.0",
        "data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": [question]}]}],
    }


def saved(folder: Path, content: object) -> str:
    path = folder / "squad.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_questions_alone_need_no_answers(tmp_path: Path) -> None:
    for changes in ({}, {"answers": None}, {"answers": 3}, {"answers": [{"text": "nowhere"}]}):
        path = Path(saved(tmp_path, document(**changes)))
        assert read_questions(path) == [Question("q1", "Who?", CONTEXT)]
    for content, sentence in (
        (document(question=3), "'question' is 3; expected some text"),
        (document(id=None), "has no 'id'"),
        ("[]", "has no 'data' at its top"),
        ({"data": []}, "holds no questions"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_questions(Path(saved(tmp_path, content)))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "squad.json"
    write_squad(QUESTIONS, path)
    assert read_squad(str(path)) == QUESTIONS
    written = json.loads(path.read_text())
    assert written["version"] == "v2.0"
    paragraphs = written["data"][0]["paragraphs"]
    assert [[q["is_impossible"] for q in p["qas"]] for p in paragraphs] == [[False, True], [False]]


def test_an_interrupted_or_refused_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "squad.json"
    write_squad(QUESTIONS[:1], path)
    with pytest.raises(InputError, match=r"not finite at data\[0\]\.paragraphs\[0\]\.qas\[0\]\.answers"):
        write_squad([Question("q", "?", "x", (Answer("x", float("nan")),))], path)  # type: ignore[arg-type]
    assert read_squad(str(path)) == QUESTIONS[:1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["squad.json"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    with pytest.raises(InputError, match=r"absent/squad\.json cannot be written"):
        write_squad(QUESTIONS, tmp_path / "absent" / "squad.json")


def test_version_one_has_no_is_impossible_and_plausible_answers_are_ignored(tmp_path: Path) -> None:
    (question,) = read_squad(saved(tmp_path, document()))
    assert question == Question("q1", "Who?", CONTEXT, (Answer("Ada", 0),))
    unanswerable = document(
        is_impossible=True, answers=[], plausible_answers=[{"text": "x", "answer_start": 9}]
    )
    assert read_squad(saved(tmp_path, unanswerable))[0].answers == ()


@needs_real_data
@pytest.mark.parametrize(
    ("name", "total", "unanswerable"), [("dev", 1378, 724), ("new_wiki", 7938, 0), ("train", 13627, 2440)]
)
def test_real_files(name: str, total: int, unanswerable: int) -> None:
    questions = read_squad(str(REAL_DATA / "squad" / f"{name}.json"))
    assert len(questions) == total
    assert sum(not question.answers for question in questions) == pytest.approx(unanswerable, abs=10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "it has no 'data' at its top"),
        ({"version": "1.1"}, "it has no 'data' at its top"),
        ({"data": {}}, r"data is a dict; expected a list"),
        ({"data": []}, "holds no questions"),
        ({"data": [{"paragraphs": []}]}, "holds no questions"),
        ({"data": [3]}, r"data\[0\] is a int; expected an object"),
        ({"data": [{}]}, r"data\[0\] has no 'paragraphs'"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, r"data\[0\]\.paragraphs\[0\] has no 'context'"),
        ({"data": [{"paragraphs": [{"context": "x"}]}]}, r"data\[0\]\.paragraphs\[0\] has no 'qas'"),
        ({"data": [{"paragraphs": [{"context": 1, "qas": []}]}]}, "'context' is 1; expected some text"),
        (document(id=None), r"data\[0\]\.paragraphs\[0\]\.qas\[0\] has no 'id'"),
        (document(id=[7]), "'id' is \\[7\\]; expected some text"),
        (document(id=""), "'id' is ''; expected some text"),
        (document(question=None), "has no 'question'"),
        (document(question="\ud800"), "half a surrogate pair"),
        (document(answers=None), "has no 'answers'"),
        (document(answers={"text": "Ada"}), "answers is a dict; expected a list"),
        (document(answers=["Ada"]), r"answers\[0\] is a str; expected an object"),
        (
            document(answers=[{"text": 3, "answer_start": 0}]),
            r"answers\[0\]: 'text' is 3; expected some text",
        ),
        (document(answers=[{"answer_start": 0}]), r"answers\[0\] has no 'text'"),
        (
            {"data": document()["data"] + document(question="When?")["data"]},
            "the id 'q1' stands on two questions",
        ),
    ],
)
def test_malformed_files_are_refused_with_the_place(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_squad(saved(tmp_path, content))


UNTRAINABLE: list[tuple[dict[str, object], tuple[Answer, ...], str]] = [
    ({"answers": [{"text": "Ada"}]}, (Answer("Ada", -1),), "its answer is the text 'Ada' at None; expected"),
    ({"answers": [{"text": "Ada", "answer_start": True}]}, (Answer("Ada", -1),), "the text 'Ada' at True; expected"),
    ({"answers": [{"text": "1871.", "answer_start": -5}]}, (Answer("1871.", -1),), "the text '1871.' at -5; expected"),
    ({"answers": [{"text": "Ada", "answer_start": 1.0}]}, (Answer("Ada", -1),), "the text 'Ada' at 1.0; expected"),
    ({"answers": [{"text": "Ada", "answer_start": 10**30}]}, (Answer("Ada", -1),), "where '' stands"),
    ({"answers": [{"text": "", "answer_start": 0}]}, (Answer("", -1),), "the text '' at 0; expected"),
    ({"answers": [{"text": "Ada", "answer_start": 4}]}, (Answer("Ada", -1),), "'Ada' is said to stand at character 4, "
     "where 'Bir' stands"),
    ({"answers": [{"text": "1871. ", "answer_start": 34}]}, (Answer("1871. ", -1),), "where '1871.' stands"),
    ({"is_impossible": "no"}, (Answer("Ada", 0),), "is_impossible is 'no'; expected true or false"),
    ({"is_impossible": True}, (Answer("Ada", 0),), "marked is_impossible but has answers"),
    ({"is_impossible": False, "answers": []}, (), "has no answers and is not marked is_impossible"),
    ({"answers": []}, (), "has no answers and is not marked is_impossible"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "answers", "fault"), UNTRAINABLE)
def test_what_cannot_be_trained_on_is_scored_and_skipped(
    tmp_path: Path, changes: dict[str, object], answers: tuple[Answer, ...], fault: str
) -> None:
    good, bad = document(), document(**changes, id="bad")
    source = saved(tmp_path, {"data": good["data"] + bad["data"]})
    first, second = read_squad(source)
    assert second == Question("bad", "Who?", CONTEXT, answers)
    trainable, skipped = read_trainable(source)
    assert trainable == [first]
    assert skipped.startswith("1 of 2 questions cannot be trained on, the first is 'bad': ")
    assert fault in skipped
    with pytest.raises(InputError, match="1 of 1 questions cannot be trained on"):
        read_trainable(saved(tmp_path, bad))


def test_an_empty_context_is_scored_and_not_trained_on(tmp_path: Path) -> None:
    content = document()
    empty = document(id="empty", answers=[], is_impossible=True)
    empty["data"][0]["paragraphs"][0]["context"] = ""
    source = saved(tmp_path, {"data": content["data"] + empty["data"]})
    assert [question.id for question in read_squad(source)] == ["q1", "empty"]
    trainable, skipped = read_trainable(source)
    assert [question.id for question in trainable] == ["q1"]
    assert skipped == "1 of 2 questions cannot be trained on, the first is 'empty': its context is empty."


def test_the_first_answer_that_stands_where_it_says_is_trained_on(tmp_path: Path) -> None:
    answers = [{"text": "Ada", "answer_start": 3}, {"text": "Birch", "answer_start": 4}]
    source = saved(tmp_path, document(answers=answers))
    expected = [Question("q1", "Who?", CONTEXT, (Answer("Birch", 4), Answer("Ada", -1)))]
    assert read_squad(source) == expected
    assert read_trainable(source) == (expected, "")


@pytest.mark.parametrize(
    ("name", "key"), [(7, "7"), (-1, "-1"), (1.5, "1.5"), (True, "true"), ("7", "7"), ("é", "é")]
)
def test_ids_are_what_keys_of_predictions_are(tmp_path: Path, name: object, key: str) -> None:
    source = saved(tmp_path, document(id=name))
    assert [question.id for question in read_squad(source)] == [key]
    assert [question.id for question in read_questions(Path(source))] == [key]
    assert json.loads(json.dumps({name: 0})) == {key: 0}


def test_the_same_question_twice_is_one_and_two_of_one_id_are_not_trained_on(tmp_path: Path) -> None:
    source = saved(tmp_path, {"data": document()["data"] * 2})
    assert len(read_squad(source)) == 1
    trainable, skipped = read_trainable(source)
    assert len(trainable) == 1
    assert skipped == (
        "1 of 2 questions cannot be trained on, the first is 'q1': the id 'q1' stands on another question before it."
    )


def test_packed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "squad.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document()).encode()))
    assert read_squad(str(path)) == [Question("q1", "Who?", CONTEXT, (Answer("Ada", 0),))]
    assert read_questions(path) == [Question("q1", "Who?", CONTEXT)]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        InputError, match=r"SQuAD file .*squad\.json\.gz cannot be read: Compressed file ended"
    ):
        read_squad(str(path))


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("packed", [False, True])
def test_natural_questions_are_told_from_squad(tmp_path: Path, lines: int, packed: bool) -> None:
    line = json.dumps({"example_id": 1, "question_text": "who", "document_text": "Ada"}) + "\n"
    path = tmp_path / "nq.jsonl"
    path.write_bytes(gzip.compress((line * lines).encode()) if packed else (line * lines).encode())
    for read in (read_squad, read_trainable, lambda source: read_questions(Path(source))):
        with pytest.raises(
            InputError, match=r"nq\.jsonl holds Natural Questions, not SQuAD; add task='nq'\.$"
        ):
            read(str(path))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("content", [document(), document()["data"][0]], ids=["whole", "article"])
def test_squad_is_told_from_natural_questions(
    tmp_path: Path, packed: bool, indent: int | None, content: dict[str, object]
) -> None:
    text = json.dumps(content, indent=indent).encode()
    path = tmp_path / ("squad.json.gz" if packed else "squad.json")
    path.write_bytes(gzip.compress(text) if packed else text)
    with pytest.raises(InputError) as caught:
        list(read_documents(str(path)))
    assert str(caught.value) == f"{path}, line 1 holds SQuAD, not Natural Questions; leave out task='nq'."


def test_a_directory_that_is_no_dataset_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text(json.dumps(document()) + "nonsense")
    code = (
        "import sys\nfrom trellis.errors import InputError\n"
        "from prune.tasks.question_answering.squad.reading import read_squad\n"
        "try: read_squad(sys.argv[1], split='validation')\n"
        "except InputError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[5],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert run.stdout.startswith(f"The dataset '{tmp_path}' could not be loaded (")
    assert run.stdout.count("\n") == 1
    assert "Failed to" not in run.stderr
    assert "pyarrow" not in run.stderr


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "squad.json"
    path.write_bytes(b'{"data": "\xff\xfe\xff"}')
    with pytest.raises(
        InputError, match=r"squad\.json is not UTF-8 text \(invalid start byte at byte 10\); convert it"
    ):
        read_squad(str(path))


@pytest.mark.parametrize(
    "source", ["./owner/name", "/owner/name", "../name", "owner/squad.json", "squad", "a/b/c", ""]
)
def test_paths_and_bare_names_are_never_fetched(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # importing it would now fail
    with pytest.raises(InputError, match=f"no SQuAD file at '{source}'|cannot be read"):
        read_squad(source)


def test_offline_is_one_sentence() -> None:
    code = (
        "from trellis.errors import InputError; from prune.tasks.question_answering.squad.reading import read_squad\n"
        "try: read_squad('nobody/no-such-squad', split='train')\n"
        "except InputError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[5],
    )
    assert run.stdout.startswith("The dataset 'nobody/no-such-squad' could not be loaded (")
    assert run.stdout.endswith("check its name and the network, or give a local JSON file.\n")
    assert run.stdout.count("\n") == 1


@pytest.fixture
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a dataset in the hub's layout; what the library caches goes beside it."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    return folder


def put(folder: Path, split: str, rows: list[dict]) -> None:
    (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_row(question: Question) -> dict:
    return {
        "id": question.id,
        "title": "t",
        "context": question.context,
        "question": question.question,
        "answers": {
            "text": [answer.text for answer in question.answers],
            "answer_start": [answer.start for answer in question.answers],
        },
    }


def test_a_directory_in_the_hub_layout(hub_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(hub_folder, "train", [as_row(question) for question in QUESTIONS])
    assert read_squad(str(hub_folder)) == QUESTIONS
    monkeypatch.chdir(hub_folder.parents[1])
    assert read_squad("owner/name", split="train") == QUESTIONS  # on disk, so not fetched
    put(hub_folder, "validation", [as_row(question) for question in QUESTIONS[1:]])
    assert read_squad(str(hub_folder), split="validation") == QUESTIONS[1:]
    with pytest.raises(InputError, match=r"has the splits \['train', 'validation'\]; say which"):
        read_squad(str(hub_folder))
    with pytest.raises(InputError, match=r"could not be loaded \(.*dev.*\); check its files"):
        read_squad(str(hub_folder), split="dev")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": {"text": [None], "answer_start": [3]}}, "row 0: 'text' must be a list of texts"),
        (
            {"answers": {"text": ["Ada", "Birch"], "answer_start": [0]}},
            "row 0: 'text' and 'answer_start' must",
        ),
        ({"answers": {"text": "Ada", "answer_start": 0}}, "row 0: 'text' and 'answer_start' must"),
        ({"answers": {"text": ["Ada"]}}, "row 0 has no 'answer_start'"),
        ({"answers": "Ada"}, "row 0 has no 'text'"),
        ({"context": None}, "row 0: 'context' is None"),
    ],
)
def test_malformed_rows_are_refused(hub_folder: Path, change: dict, message: str) -> None:
    put(hub_folder, "train", [as_row(QUESTIONS[0]) | change])
    with pytest.raises(InputError, match=message):
        read_squad(str(hub_folder))


def test_directories_that_hold_no_such_dataset_are_refused(hub_folder: Path) -> None:
    with pytest.raises(InputError, match="could not be loaded"):
        read_squad(str(hub_folder))
    put(hub_folder, "train", [{"id": "q1", "passage": "x"}])
    with pytest.raises(InputError, match="has no column 'context'"):
        read_squad(str(hub_folder))
