"""A command that is killed before any change of any folder: what it writes is old or new, never a mixture.

Each attempt begins in what the one before left behind, and writes the other of two models: every one is also
the next one of a killed one. ESPALIER_FUZZ=N has each kind gone through N times.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prune.checkpoint import save
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.settings import DECODING_FILE
from prune.tasks.question_answering.squad.reading import write_squad

TIMES = int(os.environ.get("ESPALIER_FUZZ", "1"))

ATTEMPTS = """
import contextlib, io, json, shutil, sys
from pathlib import Path
import torch
from support import tiny
from support.kills import KILLED, killed_at
import export.artifact, trellis.cli.prune_export.pipeline, trellis.cli.prune_export.report
import trellis.cli.prune_export.page, transformers, onnxruntime
from functools import partial
from trellis.cli.answer.command import COMMAND as ANSWER
from trellis.cli.bench.outputs import Outputs, json_text
from trellis.cli.prune_export.command import COMMAND as EXPORT
from export.outputs import settle_export
from trellis.files.replace import settle_directory

room, kind, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if kind.startswith("large"):
    export.artifact.write_into = partial(export.artifact.write_into, external_above=0)
out = room / "out"

def export_one(name):
    wishes = ["--no-prune", "--json", room / "found.json", "--html", room / "page.html", "--save-model", room / "saved"]
    wishes = wishes if kind.endswith("everything") else ["--no-prune"]
    if kind == "int8":
        wishes += ["--precision", "int8"]
    run(EXPORT, [room / name, out / "model.onnx", *wishes])

def answer_one(name):
    asked = [room / f"out-{name}", "--squad", room / "asked.json", "--out", out / "said.json"]
    run(ANSWER, [*asked, "--na-probs", out / "odds.json", "--never-refuse"])

def bench_one(name):
    places = [(f"--{form}", str(out / f"result.{form}"), json_text) for form in ("json", "csv", "html")]
    Outputs.of(*places).write({"name": name})

def run(command, arguments):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            if code := command([str(each) for each in arguments]):
                sys.exit(code)
        except BaseException as end:
            if getattr(end, "exit_code", getattr(end, "code", 1)) not in (0, None):
                sys.__stderr__.write(said.getvalue())
                sys.__stderr__.flush()
                raise

one = {"answer": answer_one, "bench": bench_one}.get(kind, export_one)

def seen():
    settle_export(out)
    settle_directory(room / "saved")
    parts = {}
    for group, folder in (("out", out), ("saved", room / "saved")):
        files = [path for path in folder.glob("*") if path.is_file() and path.name[0] != "."]
        parts[group] = {path.name: hash(path.read_bytes()) for path in files}
    return parts

def hidden():
    return [str(path) for path in room.rglob("*.espalier")]

wholes = []
for name in ("first", "second"):
    shutil.rmtree(room / "saved", ignore_errors=True)
    assert killed_at(0, lambda: one(name)) == 0
    assert not hidden(), hidden()
    wholes.append(seen())
assert wholes[0] != wholes[1]
shutil.rmtree(out)
out.mkdir()
kills, mixtures, refused = 0, [], []
for _ in range(times):
    number = 1
    while True:
        settle_directory(room / "saved")
        shutil.rmtree(room / "saved", ignore_errors=True)  # prune-export replaces none
        code = killed_at(number, lambda: one(("first", "second")[number % 2]))
        found = seen()
        if kind in ("answer", "bench"):  # files of their own
            fits = all(found["out"][name] in [each["out"][name] for each in wholes] for name in found["out"])
        else:
            # a data file of the one before goes last
            def whole(each):
                ours = {name: value for name, value in found["out"].items() if name in each["out"]}
                rest = set(found["out"]) - set(each["out"])
                return ours == each["out"] and all(name.endswith(".data") for name in rest)
            fits = not found["out"] or any(map(whole, wholes))
            fits = fits and found["saved"] in [{}, *(each["saved"] for each in wholes)]
        if not fits:
            mixtures.append([number, sorted(found["out"]), sorted(found["saved"])])
        if code not in (0, KILLED):
            refused.append([number, code])
        if code != KILLED:
            break
        kills, number = kills + 1, number + 1
end = seen() in wholes
print(json.dumps(dict(kills=kills, mixtures=mixtures, refused=refused, hidden=hidden(), end=end)))
"""


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Two models that tell each other apart in every file, their exports, and questions."""
    from support import tiny
    from support.folders import SETTINGS, export_folder

    texts = {"first": "Who planted the old tree?", "second": "Ada Birch planted it by the wall."}
    for seed, (name, text) in enumerate(texts.items()):
        beside = {DECODING_FILE: SETTINGS.to_dict() | {"null_threshold": float(seed)}}
        save(
            tiny.model(seed=seed, max_position_embeddings=64 + seed),
            tiny.tokenizer([text]),
            tmp_path / name,
            beside=beside,
        )
        export_folder(tmp_path / f"out-{name}", ("bert", "roberta")[seed])
    write_squad([Question("q1", texts["first"], texts["second"])], tmp_path / "asked.json")
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["everything", "large everything", "int8", "answer", "bench"])
def test_killed_before_every_change(room: Path, kind: str) -> None:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(room), kind, str(TIMES)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(kind, found)
    assert found["mixtures"] == []
    assert found["refused"] == [], done.stderr
    assert found["hidden"] == []
    assert found["end"]
    assert found["kills"] >= (9 if kind in ("answer", "bench") else 15)
