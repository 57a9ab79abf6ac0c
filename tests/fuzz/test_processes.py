"""Commands as processes of their own, in environments that are wrong somewhere: what libraries print counts, too."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.commands import TIMES, Ended, faults
from fuzz.hostile import TEXTS
from support.folders import SENTENCE, export_folder

ENTRIES = {"prune-export": "prune_export", "bench": "bench", "answer": "answer"}
VARIABLES = (
    *(
        "WORLD_SIZE",
        "RANK",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
        "COLUMNS",
        "LINES",
    ),
    *("TERM", "LANG", "LC_ALL", "NO_COLOR", "FORCE_COLOR", "TMPDIR", "HOME", "HF_HOME", "HF_HUB_OFFLINE"),
    *(
        "HF_HUB_DISABLE_TELEMETRY",
        "OMP_NUM_THREADS",
        "OMP_WAIT_POLICY",
        "ACCELERATE_USE_CPU",
        "TYPER_USE_RICH",
    ),
    *(
        "ACCELERATE_MIXED_PRECISION",
        "ACCELERATE_TORCH_DEVICE",
        "TOKENIZERS_PARALLELISM",
        "CUDA_VISIBLE_DEVICES",
    ),
    *("TRANSFORMERS_VERBOSITY", "ESPALIER_TRACEBACK", "XDG_CACHE_HOME", "MKL_NUM_THREADS", "TORCH_LOGS"),
)


@pytest.mark.slow
@pytest.mark.parametrize("program", ENTRIES)
def test_environments(program: str, tmp_path: Path) -> None:
    """No value of a variable is a fault of ours; where a command refuses, it does so in one sentence."""
    export_folder(tmp_path / "model")
    (tmp_path / "context.txt").write_text(SENTENCE)
    rng, wrong = random.Random(program), []
    number = round(12 * TIMES)
    for case in range(number):
        room = tmp_path / "case"
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        arguments = {
            "prune-export": ["../model", "m.onnx", "--no-prune"],
            "bench": ["../model/model.onnx", "--seq", "500000"],
            "answer": ["../model", "Who?", "--context", "../context.txt"],
        }[program]
        values = [text for text in TEXTS if "\0" not in text]
        changes = {rng.choice(VARIABLES): rng.choice(values) for _ in range(rng.choice((1, 1, 2)))}
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from trellis.cli.entry import {ENTRIES[program]} as main; main()",
                *arguments,
            ],
            capture_output=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **changes},
            cwd=room,
            timeout=300,
        )
        said = done.stderr.decode(errors="replace")
        found = faults(program, Ended(done.returncode, "", said))
        if done.returncode and list(room.iterdir()):
            found.append(f"left {list(room.iterdir())}")
        if found:
            wrong.append(f"{program} {case}: {', '.join(found)}\n    {changes}\n    {said[-1500:]!r}")
    print(f"FUZZ environments of {program}: {number} cases, {len(wrong)} wrong", file=sys.__stderr__)
    assert not wrong, "\n".join(wrong)
