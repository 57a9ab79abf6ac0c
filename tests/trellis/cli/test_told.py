"""What the commands say on the way where there is no terminal, as in a job's log."""

import subprocess
import sys
from pathlib import Path

from support import tiny

from prune.checkpoint import save
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.squad.reading import write_squad

TEXT = ["who wrote the long letter", "the letter was written by nobody at all"]
PROGRAM = """
import trellis.cli.answer.asking, trellis.progress
trellis.cli.answer.asking._PATIENCE = 0
trellis.progress.INTERVAL = 0.05
from {command} import main
main()
"""


def told(command: str, *arguments: object) -> list[str]:
    """Lines of standard error, a line every 0.05 s."""
    program = [sys.executable, "-c", PROGRAM.format(command=command)]
    done = subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


def squad_file(path: Path, count: int) -> Path:
    context = TEXT[1]
    asked = [
        Question(
            f"q{index}", f"who wrote letter {index}", context, (Answer("nobody", context.index("nobody")),)
        )
        for index in range(count)
    ]
    write_squad(asked, path)
    return path


def test_prune_export_tells_every_stage_from_loading_to_writing(tmp_path: Path) -> None:
    save(tiny.model(), tiny.tokenizer(TEXT), tmp_path / "model")
    questions = squad_file(tmp_path / "dev.json", 64)
    out = tmp_path / "m.onnx"
    lines = told(
        "trellis.cli.prune_export.command",
        *(tmp_path / "model", out, "--prune-heads", "50%", "--train", questions, "--dev", questions),
        *("--retrain", 1, "--precision", "int8"),
    )
    stages = list(dict.fromkeys(line.partition(":")[0].partition(" (")[0] for line in lines))
    assert [stage for stage in stages if stage != "loading"] == [
        "cutting the training data into windows",
        "scoring heads and activations",
        "retraining",
        "answering as it came",
        "answering as it became",
        "writing and checking the graph",
        "quantizing",
        "answering in int8",
    ]
    assert any(line.startswith("retraining: 1 of 3") for line in lines)
    assert any(line.endswith(" s so far") for line in lines)


def test_answer_tells_how_far_it_is(tmp_path: Path) -> None:
    save(tiny.model(), tiny.tokenizer(TEXT), tmp_path / "model")
    (tmp_path / "out").mkdir()
    told("trellis.cli.prune_export.command", tmp_path / "model", tmp_path / "out" / "m.onnx", "--no-prune")
    questions = squad_file(tmp_path / "asked.json", 4000)
    lines = told(
        "trellis.cli.answer.command", tmp_path / "out", "--squad", questions, "--out", tmp_path / "found.json"
    )
    assert lines
    assert all(line.startswith("answering: ") and " of 4000" in line for line in lines)
