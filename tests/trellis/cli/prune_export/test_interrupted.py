"""prune-export cut off in the middle, for real, and started again; and as two processes at once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from support import tiny

from prune.checkpoint import save
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.squad.reading import write_squad

SETTINGS = DecodingSettings(max_length=32, stride=8, max_question_length=8, max_answer_length=5)
WISHES = (
    *("--method", "l0", "--prune-heads", "0.5", "--prune-ffn", "0.25", "--train", "train.json"),
    *("--distill", "3", "--task-weight", "0.3", "--dev", "train.json", "--learning-rate", "1e-3"),
    *("--batch-size", "8", "--mixed-precision", "no", "--json", "found.json"),
)
WITHOUT_GRADIENT = ("key.bias", "qa_outputs.bias", "layer.1.output.LayerNorm.bias")
"""They add the same to the logits, or to the attention scores, of all tokens, which no softmax notices: their
gradient is rounding error, and Adam makes whole steps of it."""

# Everything is imported once; each attempt is a child of its own that ends as its entry says.
ATTEMPTS = """
import json, os, signal, sys, time
from pathlib import Path
import export.exporting, trellis.cli.prune_export.pipeline, trellis.cli.prune_export.report
import prune.methods.l0.training, prune.train.checkpoints, prune.work
from trellis.cli.prune_export.command import main

signal.signal(signal.SIGINT, signal.default_int_handler)
arguments, ends = json.loads(sys.argv[1])

def kill_after(owner, name, calls):
    original = getattr(owner, name)
    left = [calls]
    def counted(*args, **kwargs):
        result = original(*args, **kwargs)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, counted)

WHERE = {
    "gates": (prune.methods.l0.training, "write_state"),
    "training": (prune.train.checkpoints, "finish"),
    "stage": (prune.work, "write_note"),
    "writing": (export.exporting, "write_artifact"),
}
for end in ends:
    log = Path("log.txt")
    log.write_text("")
    if not (child := os.fork()):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 2)
        prune.methods.l0.training._SAVE_EVERY = 0
        if "after" in end:
            kill_after(*WHERE[end["after"]], end["calls"])
        sys.argv = ["prune-export", *arguments]
        main()
    gone = 0
    while "said" in end and end["said"] not in log.read_text() and not gone:
        time.sleep(0.02)
        gone, status = os.waitpid(child, os.WNOHANG)
    if "said" in end and not gone:
        os.kill(child, signal.SIGINT)
    if not gone:
        _, status = os.waitpid(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), log.read_text()]), flush=True)
"""


def questions() -> list[Question]:
    """Two on each of 16 contexts, one of them without an answer."""
    made = []
    for number in range(16):
        thing = ("pear", "wall", "river", "stone")[number % 4]
        context = f"The old {thing} stood by the bridge in {1871 + number}."
        answers = (Answer(thing, context.index(thing)),)
        made.append(Question(f"q{number}", "What stood there?", context, answers))
        made.append(Question(f"n{number}", "What fell there?", context))
    return made


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder with a model and questions in it."""
    words = [text for question in questions() for text in (question.question, question.context)]
    beside = {DECODING_FILE: SETTINGS.to_dict()}
    save(tiny.model(seed=1), tiny.tokenizer(words), tmp_path / "model", beside=beside)
    write_squad(questions(), tmp_path / "train.json")
    return tmp_path


def attempts(
    room: Path, out: str, wishes: tuple[str, ...], ends: list[dict[str, Any]]
) -> list[tuple[int, str]]:
    """(exit code, what went to stderr) of the same command, started once for each of `ends`."""
    (room / out).mkdir()
    given = json.dumps([["model", f"{out}/model.onnx", *wishes], ends])
    done = start(room, sys.executable, "-c", ATTEMPTS, given)
    assert not done.stderr, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]


def start(room: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=room, check=False)


def far_apart(first: Path, second: Path, but: tuple[str, ...] = ()) -> float:
    """Largest difference of any weight."""
    ours, theirs = (load_file(path / "model.safetensors") for path in (first, second))
    assert ours.keys() == theirs.keys()
    return max(
        float((ours[name] - theirs[name]).abs().max())
        for name in ours
        if ours[name].numel() and not name.endswith(but)
    )


@pytest.mark.slow
def test_killed_anywhere_the_same_command_comes_to_the_same(room: Path) -> None:
    (straight,) = attempts(room, "straight", (*WISHES, "--save-model", "straight/saved"), [{}])
    kills: list[tuple[str, int]] = [
        ("gates", 2),  # of heads, in the middle
        ("gates", 1),
        ("gates", 3),  # of heads at their end, of activations in the middle
        ("training", 2),
        ("training", 3),
        ("stage", 1),
        ("writing", 1),  # in its place, but the model is not saved yet
    ]
    ends: list[dict[str, Any]] = [{"after": after, "calls": calls} for after, calls in kills]
    found = attempts(room, "killed", (*WISHES, "--save-model", "killed/saved"), [*ends, {}])
    assert [code for code, _ in found] == [-9] * len(kills) + [0]
    assert straight[0] == 0
    first_lines = [said.splitlines()[0].partition(" (")[0] for _, said in found]
    assert first_lines == [
        "cutting the training data into windows",
        "training gates of heads: 3 of 4",
        "training gates of heads: 4 of 4",
        "training gates of feed-forward activations: 3 of 4",
        "distilling: 3 of 12",
        "distilling: 6 of 12",
        "answering as it came: 16 of 32",
        "writing and checking the graph",
    ]
    assert far_apart(room / "straight" / "saved", room / "killed" / "saved") < 1e-6
    written = [(room / name / "model.onnx").read_bytes() for name in ("straight", "killed")]
    assert written[0] == written[1]
    assert not list((room / "killed" / "model.onnx.work").rglob(".*"))  # half-written files


@pytest.mark.slow
def test_interrupted_it_says_that_the_same_command_goes_on(room: Path) -> None:
    endless = (*WISHES[:-2], "--gate-epochs", "2", "--distill", "10000")
    found = attempts(room, "out", endless, [{"said": "gates of heads"}, {"said": "distilling"}])
    for code, said in found:
        assert code == 130
        *progress, last = said.splitlines()
        assert last == (
            "prune-export: interrupted; out/model.onnx is as it was; the same command goes on from here."
        )
        assert all(line.startswith(("cutting", "training gates", "distilling")) for line in progress)


@pytest.mark.slow
def test_two_processes_write_once_what_one_writes(room: Path) -> None:
    program = "from trellis.cli.prune_export.command import main; main()"
    for out in ("one", "two"):
        (room / out).mkdir()
    wishes = (*WISHES, "--dropout", "0")
    one = start(
        room, sys.executable, "-c", program, "model", "one/model.onnx", *wishes, "--save-model", "one/saved"
    )
    assert one.returncode == 0, one.stderr
    first = json.loads((room / "found.json").read_bytes())
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python")
    two = start(
        room,
        *(sys.executable, *torchrun, sys.executable, "-c", program),
        *("model", "two/model.onnx", *wishes, "--save-model", "two/saved"),
    )
    assert two.returncode == 0, two.stderr
    second = json.loads((room / "found.json").read_bytes())
    assert second["plan"] == first["plan"]
    assert far_apart(room / "one" / "saved", room / "two" / "saved", WITHOUT_GRADIENT) < 1e-6
    for name in ("search", "shape", "how"):
        assert second[name] == first[name]
    assert second["accuracy"]["after"]["score"]["f1"] == pytest.approx(
        first["accuracy"]["after"]["score"]["f1"]
    )
    for ours, theirs in zip(first["gates"], second["gates"], strict=True):
        for one_step, same_step in zip(ours["log"], theirs["log"], strict=True):
            assert same_step["loss"] == pytest.approx(one_step["loss"], abs=1e-5)
            assert same_step["removed"] == pytest.approx(one_step["removed"], abs=1e-6)
    unlike = (
        "Trained for",
        "Parity with",
        "one/model.onnx",
        "two/model.onnx",
    )  # seconds, rounding errors, names
    assert [line for line in two.stdout.splitlines() if not line.startswith(unlike)] == [
        line for line in one.stdout.splitlines() if not line.startswith(unlike)
    ]
    for line in two.stderr.splitlines():
        assert two.stderr.count(line) == 1, two.stderr
