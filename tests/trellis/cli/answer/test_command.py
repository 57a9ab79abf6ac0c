"""answer as its users call it: in processes of its own, with pipes, files and signals."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.folders import SENTENCE, SETTINGS, export_folder

from answer import Answerer, Engine, open_answerer
from prune.tasks.question_answering.answer import answer, score_predictions
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import ALWAYS_ANSWER
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.reading import write_squad
from prune.tasks.torch_runner import torch_runner
from trellis.command import UNREAD

COMMAND = [sys.executable, "-m", "trellis.cli.answer"]


def run(*arguments: object, text: str | bytes = "") -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    typed = text.encode() if isinstance(text, str) else text
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, input=typed, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def questions(count: int = 12) -> list[Question]:
    """Annotated; every third has no answer."""
    made = []
    for index in range(count):
        context = SENTENCE * (1 + index % 4) + f"It was the {index}th 🌳 tree."
        answers = () if index % 3 == 2 else (Answer("Ada Birch", context.index("Ada Birch")),)
        made.append(Question(f"q{index}", f"Who pruned tree number {index}?", context, answers))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Prediction]]:
    """The folder of a tiny BERT, and what it says to `questions` in PyTorch."""
    folder = tmp_path_factory.mktemp("made") / "out"
    model, tokenizer = export_folder(folder)
    return folder, answer(questions(), tokenizer, torch_runner(model), settings=SETTINGS)


@pytest.fixture(scope="module")
def folder(made: tuple[Path, list[Prediction]]) -> Path:
    return made[0]


@pytest.fixture(scope="module")
def answerer(folder: Path) -> Answerer:
    return open_answerer(folder, engine=Engine(threads=1))


def said(answerer: Answerer, question: str, context: str) -> str:
    found = answerer.answer(question, context).best
    assert found
    return found.text


def test_a_context_from_a_file_and_from_a_pipe(folder: Path, answerer: Answerer, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(SENTENCE)
    asked = "Who trained it?", "When was it?"
    expected = "".join(said(answerer, question, SENTENCE) + "\n" for question in asked)
    assert run(folder, *asked, "--context", path, "--never-refuse") == (0, expected, "")
    assert run(folder / "model.onnx", *asked, "--never-refuse", text=SENTENCE) == (0, expected, "")
    assert run(folder, *asked, "--context", "-", "--never-refuse", text=SENTENCE) == (0, expected, "")
    assert (
        run(folder, *asked, "--null-threshold", "99", "--threads", 1, text="\ufeff" + SENTENCE)[1] == expected
    )


def test_what_is_refused_is_an_empty_line(folder: Path, answerer: Answerer) -> None:
    code, out, errors = run(folder, "Who?", "--null-threshold", "-99", text=SENTENCE)
    assert (code, out) == (0, "\n")
    odds = answerer.answer("Who?", SENTENCE).null_odds
    assert errors == (
        f"The context does not answer 'Who?' (log odds of no answer {odds:.2f}, refused above -99.00); "
        "--never-refuse gives the best guess.\n"
    )
    code, out, errors = run(folder, "Who?", "--never-refuse", text=" \n")
    assert (code, out, errors) == (0, "\n", "The context does not answer 'Who?': it holds no text.\n")


def test_an_answer_over_several_lines_is_one_line(folder: Path) -> None:
    text = "Ada\nBirch\r\ntrained\u2028the\ntree"
    code, out, _ = run(folder, "Who?", "--never-refuse", "--top-k", 100, text=text)
    assert code == 0
    for line in out.splitlines():
        assert len(line.split("\t")) == 2
    code, out, _ = run(folder, "Who?", "--never-refuse", "--json", "--top-k", 100, text=text)
    spans = json.loads(out)["spans"]
    assert all(text[span["start"] : span["end"]] == span["text"] for span in spans)
    assert any("\r\n" in span["text"] for span in spans)


def test_top_k(folder: Path, answerer: Answerer) -> None:
    code, out, _ = run(folder, "Who?", "When?", "--top-k", 3, "--never-refuse", text=SENTENCE)
    assert code == 0
    expected = [
        "".join(
            f"{span.probability:.4f}\t{span.text}\n" for span in answerer.answer(q, SENTENCE, top_k=3).spans
        )
        for q in ("Who?", "When?")
    ]
    assert out == "\n".join(expected)


def test_json(folder: Path, answerer: Answerer) -> None:
    code, out, errors = run(folder, "Who?", "When 🌳?", "--json", text=SENTENCE)
    assert (code, errors) == (0, "")
    for line, question in zip(out.splitlines(), ("Who?", "When 🌳?"), strict=True):
        values = json.loads(line)
        assert values.pop("question") == question
        assert values == pytest.approx(answerer.answer(question, SENTENCE).to_dict(), abs=1e-5)
    spans = json.loads(run(folder, "Who?", "--json", "--top-k", 2, text=SENTENCE)[1])["spans"]
    assert [span["text"] for span in spans] == [
        span.text for span in answerer.answer("Who?", SENTENCE, top_k=2).spans
    ]


def test_the_official_form(made: tuple[Path, list[Prediction]], tmp_path: Path) -> None:
    folder, expected = made
    squad, out, odds = tmp_path / "dev.json", tmp_path / "predictions.json", tmp_path / "odds.json"
    write_squad(questions(), squad)
    assert run(folder, "--squad", squad, "--out", out, "--na-probs", odds) == (0, "", "")
    assert json.loads(out.read_text()) == {one.id: one.answer(SETTINGS.null_threshold) for one in expected}
    found = json.loads(odds.read_text())
    assert found == pytest.approx({one.id: one.null_odds for one in expected}, abs=1e-4)
    code, printed, _ = run(folder, "--squad", squad, "--never-refuse")
    texts = json.loads(printed)
    assert (code, texts) == (0, {one.id: one.best_text for one in expected})
    read_back = [Prediction(name, texts[name], found[name]) for name in texts]
    ours, theirs = (
        score_predictions(questions(), predictions, null_threshold=SETTINGS.null_threshold).to_dict()
        for predictions in (read_back, expected)
    )
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_questions_whose_answers_nobody_knows_yet(folder: Path, tmp_path: Path) -> None:
    squad = tmp_path / "hidden.json"
    entries = [{"id": "a", "question": "Who?"}, {"id": "b", "question": "Is there anything?", "answers": 3}]
    paragraphs = [
        {"context": SENTENCE, "qas": entries},
        {"context": " ", "qas": [{"id": "c", "question": "?"}]},
    ]
    squad.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    code, printed, _ = run(folder, "--squad", squad, "--never-refuse", "--na-probs", tmp_path / "odds.json")
    texts = json.loads(printed)
    assert (code, list(texts), texts["c"]) == (0, ["a", "b", "c"], "")
    assert json.loads((tmp_path / "odds.json").read_text())["c"] == ALWAYS_ANSWER


def lines(values: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_json_lines(made: tuple[Path, list[Prediction]], tmp_path: Path) -> None:
    folder, expected = made
    asked = [{"question": q.question, "context": q.context, "id": q.id, "more": [1]} for q in questions()]
    asked[1]["id"], asked[2]["id"] = 7, None
    path = tmp_path / "asked.jsonl"
    path.write_text("\n" + lines(asked) + "  \n")
    code, out, errors = run(folder, "--jsonl", path, "--top-k", 2)
    assert (code, errors) == (0, "")
    told = [json.loads(line) for line in out.splitlines()]
    assert [one.get("id", "none") for one in told] == ["q0", 7, "none"] + [q.id for q in questions()[3:]]
    assert [one["answer"] for one in told] == [one.answer(SETTINGS.null_threshold) for one in expected]
    assert [len(one["spans"]) for one in told] == [2] * len(told)
    code, piped, errors = run(folder, "--jsonl", "-", "--top-k", 2, text=path.read_text())
    assert (code, errors) == (0, "")
    assert [json.loads(line)["answer"] for line in piped.splitlines()] == [one["answer"] for one in told]


def test_a_question_in_a_pipe_is_answered_before_the_next_is_sent(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, folder, "--jsonl", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as process:
        assert process.stdin
        assert process.stdout
        for number in range(3):
            process.stdin.write(lines([{"question": "Who?", "context": SENTENCE, "id": number}]).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


BAD_LINES: list[tuple[bytes, object, str]] = [
    (b"{", None, "The line is not valid JSON ("),
    (b'{"question": "Who?", "context": "Ada"', None, "The line is not valid JSON ("),
    (b"[" * 100_000, None, "The line is nested too deeply; expected {"),
    (b'{"question": "", "context": "", "more": ' + b'{"a":' * 100_000, None, "The line is nested too deeply"),
    (b"[1]", None, "The line holds a list; expected {"),
    (b"null", None, "The line holds a NoneType; expected {"),
    (b"NaN", None, "The line holds a float; expected {"),
    (b'"\xff"', None, "The line is not UTF-8 text (invalid start byte at byte 1)"),
    (b'{"question": "\xed\xa0\x80", "context": ""}', None, "The line is not UTF-8 text ("),
    ('{"question": "Who?", "context": "Ada"}'.encode("utf-16-le"), None, "The line is not "),
    (b'{"question": "Who?"}', None, "The context is missing; expected {"),
    (b'{"question": "Who?", "id": 5}', 5, "The context is missing; expected {"),
    (b'{"context": "Ada", "id": "\xc3\xa9"}', "é", "The question is missing; expected {"),
    (b'{"question": 3, "context": "", "id": 1.5}', 1.5, "The question is a int; expected {"),
    (b'{"question": "", "context": null}', None, "The context is a NoneType; expected {"),
    (b'{"question": "", "context": "", "id": {}}', None, "The id is a dict; expected text or a number."),
    (b'{"question": "", "context": "", "id": NaN}', None, "The id is nan, which is no number"),
    (b'{"question": "", "context": "", "id": -1e999}', None, "The id is -inf, which is no number"),
    (b'{"question": "", "context": "", "id": ' + b"9" * 5000 + b"}", None, "The line is not valid JSON ("),
    (b'{"question": "", "context": "", "id": "\\ud800"}', None, "The id holds half a surrogate pair"),
    (b'{"question": "", "context": "\\udc00", "id": 2}', 2, "holds half a surrogate pair"),
    (b'{"question": "\\ud800x", "context": ""}', None, "holds half a surrogate pair"),
    (
        b'{"question": "' + b"x" * 65_537 + b'", "context": ""}',
        None,
        "has 65,537 characters; expected 65,536",
    ),
]


def test_refused_with_top_k_says_so(folder: Path, answerer: Answerer) -> None:
    code, out, errors = run(folder, "Who?", "When?", "--top-k", 3, "--null-threshold", "-99", text=SENTENCE)
    expected = [
        f"{answerer.answer(q, SENTENCE).null_probability:.4f}\t(no answer)\n" for q in ("Who?", "When?")
    ]
    assert (code, out) == (0, "\n".join(expected))
    assert errors.count("The context does not answer") == 2


@pytest.mark.parametrize("way", ["pipe", "file"])
def test_a_bad_line_gets_an_error_in_its_place_and_the_others_their_answers(
    folder: Path, tmp_path: Path, way: str
) -> None:
    good = lines([{"question": "Who?", "context": SENTENCE, "id": "good"}]).encode()
    text = b"\n" + b"".join(good + line + b"\n" for line, _, _ in BAD_LINES) + good
    path = tmp_path / "asked.jsonl"
    path.write_bytes(text)
    code, out, errors = (
        run(folder, "--jsonl", path) if way == "file" else run(folder, "--jsonl", "-", text=text)
    )
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert len(told) == 2 * len(BAD_LINES) + 1
    assert {json.dumps(one) for one in told[::2]} == {json.dumps(told[0])}
    assert told[0]["id"] == "good"
    assert told[0]["answer"] is not None
    for place, (found, (_, name, sentence)) in enumerate(zip(told[1::2], BAD_LINES, strict=True)):
        assert sentence in found.pop("error")
        assert found == ({} if name is None else {"id": name}) | {"line": 2 * place + 3}
    called = path if way == "file" else "standard input"
    assert errors == (
        f"answer: {len(BAD_LINES)} of {len(told)} lines of {called} could not be answered, the first of them line 3: "
        + json.loads(out.splitlines()[1])["error"]
        + "\n"
    )


def test_ids_of_every_kind_come_back_as_they_came(folder: Path) -> None:
    names = ["", "côté 🌳", "=1+1", 0, -7, 10**300, 1.5, True, False, None]
    asked = [{"question": "Who?", "context": SENTENCE, "id": name} for name in names]
    code, out, errors = run(folder, "--jsonl", "-", text="\ufeff" + lines(asked))
    assert (code, errors) == (0, "")
    found = [json.loads(line).get("id") for line in out.splitlines()]
    assert [(name, type(name)) for name in found] == [(name, type(name)) for name in names]


FLAGS: list[tuple[list[str], str]] = [
    ([], "Nothing was asked; give one of: a QUESTION (or several), --squad FILE, --jsonl FILE."),
    (["Who?", "--squad", "x"], "a QUESTION and --squad was asked; give one of"),
    (
        ["--squad", "x", "--context", "y"],
        "--context goes with a QUESTION, and --squad was given; leave it out.",
    ),
    (["--jsonl", "x", "--json"], "--json goes with a QUESTION"),
    (["Who?", "--out", "x"], "--out goes with --squad, and a QUESTION was given; leave it out."),
    (["--jsonl", "x", "--na-probs", "x"], "--na-probs goes with --squad"),
    (
        ["--squad", "x", "--top-k", "2"],
        "has room for one answer a question; leave out --top-k, or give --jsonl.",
    ),
    (["Who?", "--never-refuse", "--null-threshold", "1"], "contradict each other; give one of them."),
    (["Who?", "--top-k", "0"], "--top-k is 0; expected a whole number of at least 1."),
    (["Who?", "--threads", "0"], "--threads is 0; expected a whole number of at least 1."),
    (["Who?", "--max-batch-tokens", "0"], "--max-batch-tokens is 0; expected a whole number of at least 1."),
    (["Who?", "--null-threshold", "nan"], "null-threshold is nan; expected a number within 1e+30 of 0."),
    (["Who?", "--context", "/no/such/file"], "There is no file /no/such/file; name one that exists"),
    (["Who?", "--context", "/"], "/ cannot be read: Is a directory."),
    (["--squad", "/no/such/file"], "There is no SQuAD file at /no/such/file."),
    (
        ["--squad", "x", "--out", "/no/such/folder/x"],
        "there is no directory /no/such/folder; create it first.",
    ),
    (["--squad", "x", "--out", "/"], "--out / is a directory; name a file."),
    (["--squad", "x", "--na-probs", "/"], "--na-probs / is a directory; name a file."),
    (["--squad", "x", "--out", "./x"], "--out x is a file that is read; name another."),
    (["--squad", "x", "--out", "y", "--na-probs", "./y"], "--out and --na-probs would both be written to y"),
    (
        ["Who?", "--context", ""],
        "an argument is empty, as of a variable that is not set; give it a value, or leave it out.",
    ),
    (["--jsonl", "/no/such/file"], "There is no file /no/such/file"),
]


@pytest.mark.parametrize(("arguments", "sentence"), FLAGS)
def test_what_cannot_be_served_is_one_sentence(folder: Path, arguments: list[str], sentence: str) -> None:
    code, out, errors = run(folder, *arguments, text=SENTENCE)
    assert (code, out) == (2, "")
    assert sentence in errors
    assert errors.startswith("answer: ")
    assert errors.count("\n") == 1


def test_a_model_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    for model, sentence in (
        (tmp_path / "nothing", "There is no file"),
        (tmp_path, "truncated or no ONNX file"),
    ):
        code, out, errors = run(model, "Who?", text=SENTENCE)
        assert (code, out) == (2, "")
        assert sentence in errors
        assert errors.count("\n") == 1


def test_a_context_that_is_no_utf8(folder: Path) -> None:
    code, out, errors = run(folder, "Who?", text=b"Ada \xff Birch")
    assert (code, out) == (2, "")
    assert errors.startswith("answer: The context in standard input is not UTF-8 text (")


def test_a_question_that_is_no_text(folder: Path) -> None:
    code, _, errors = run(folder, os.fsdecode(b"Who \xff?"), text=SENTENCE)
    assert code == 2
    assert "holds half a surrogate pair" in errors


def test_help_teaches() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "Exit codes" in out
    assert "--null-threshold" in out


def test_whoever_reads_may_leave(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text(lines([{"question": "Who?", "context": SENTENCE}] * 2000))
    with subprocess.Popen(
        [*COMMAND, folder, "--jsonl", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read().decode() == f"answer: {UNREAD}\n"
        assert process.wait(30) == 2


@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [(signal.SIGINT, 130, b"answer: interrupted.\n"), (signal.SIGTERM, 143, b"")],
)
def test_interrupted_while_it_waits(folder: Path, number: int, code: int, sentence: bytes) -> None:
    with subprocess.Popen(
        [*COMMAND, folder, "--jsonl", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(lines([{"question": "Who?", "context": SENTENCE}]).encode())
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stderr.read() == sentence


def test_a_bar_shows_on_a_terminal_once_it_takes_long(folder: Path, tmp_path: Path) -> None:
    write_squad(questions(), tmp_path / "squad.json")
    told, shown = on_a_terminal("0", folder, "--squad", tmp_path / "squad.json")
    assert len(json.loads(told)) == len(questions())
    assert b"answering" in shown
    assert on_a_terminal("1000", folder, "--squad", tmp_path / "squad.json") == (told, b"")


def test_no_bar_among_answers_on_the_same_terminal(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text(lines([{"question": "Who?", "context": SENTENCE}] * 3))
    told, shown = on_a_terminal("0", folder, "--jsonl", path)
    assert len(told.splitlines()) == 3
    assert b"answering" in shown
    nothing, shown = on_a_terminal("0", folder, "--jsonl", path, told_there_too=True)
    assert (nothing, [json.loads(line) for line in shown.splitlines()]) == (
        b"",
        [json.loads(line) for line in told.splitlines()],
    )


def on_a_terminal(patience: str, *arguments: object, told_there_too: bool = False) -> tuple[bytes, bytes]:
    """Standard output, and what was written to the terminal, where a bar is shown after `patience` seconds."""
    program = (
        "import trellis.cli.answer.asking, sys\ntrellis.cli.answer.asking._PATIENCE = float(sys.argv.pop(1))\n"
        "from trellis.cli.answer.command import main\nmain()"
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", program, patience, *map(str, arguments)]
    done = subprocess.run(
        command, stdout=theirs if told_there_too else subprocess.PIPE, stderr=theirs, check=True, timeout=120
    )
    os.close(theirs)
    return done.stdout or b"", read_all(ours)


STEERING = "\x1b]0;owned\x07 \x1b[2J \x9b31m \x7f \x08\x08 \u202e \U000e0041"
WRITTEN = "cafe\u0301 \u0645\u06cc\u200c\u062e 👩\u200d🌾 1\u00a0702 剪枝"


def shown_of(folder: Path, context: Path, *arguments: object) -> tuple[str, str]:
    """What the command prints about that context into a pipe, and on a terminal."""
    asked = (folder, "Who?", "--never-refuse", "--context", context, *arguments)
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    with subprocess.Popen([*COMMAND, *map(str, asked)], stdout=theirs) as process:
        os.close(theirs)
        shown = read_all(ours).decode()
    assert process.returncode == 0
    return run(*asked)[1], shown


@pytest.mark.parametrize("arguments", [(), ("--top-k", 400)])
def test_on_a_terminal_a_context_cannot_steer_it(
    folder: Path, tmp_path: Path, arguments: tuple[object, ...]
) -> None:
    path = tmp_path / "context.txt"
    path.write_text(f"Ada {STEERING} {WRITTEN}")
    piped, shown = shown_of(folder, path, *arguments)
    controls = [one for one in STEERING if one != " " and not one.isprintable()]
    assert shown.splitlines() == [
        "".join(ascii(one)[1:-1] if one in controls else one for one in line)
        for line in piped.split("\n")[:-1]
    ]
    if arguments:
        assert all(one in piped and one not in shown for one in controls)
        assert any(WRITTEN[:20] in line for line in shown.splitlines())


def test_json_on_a_terminal_says_the_same_and_steers_nothing(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "context.txt"
    path.write_text(f"Ada {STEERING} {WRITTEN}")
    piped, shown = shown_of(folder, path, "--json", "--top-k", 400)
    assert json.loads(shown) == json.loads(piped)
    assert any(all(each in span["text"] for each in "\x1b\x9b\x7f") for span in json.loads(piped)["spans"])
    assert not any(one in shown for one in STEERING if one != " " and not one.isprintable())
    assert "\x9b" in piped
    assert WRITTEN in shown


def read_all(terminal: int) -> bytes:
    """What was written to a pseudo terminal, whose end is an error."""
    read = b""
    time.sleep(0.1)
    try:
        while piece := os.read(terminal, 65536):
            read += piece
    except OSError:
        pass
    finally:
        os.close(terminal)
    return read
