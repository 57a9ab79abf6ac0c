"""Work folders that were damaged: the run ends with the right model, never another one, never a traceback.

A command that is refused in one sentence is right as well. ESPALIER_FUZZ=N has so many times as many damaged.
"""

import copy
import os
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from support import tiny

import prune.methods.l0.training
from prune.methods.gain.method import gains
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.ranking import trained_gates
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import STATE_FILE
from prune.stages import continued_training, model_answers, stored_windows
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.squad.task import SquadExam, SquadTraining
from prune.train.settings import TrainingSettings
from prune.work import open_work
from trellis.errors import InputError

TIMES = int(os.environ.get("ESPALIER_FUZZ", "1"))
SETTINGS = DecodingSettings(max_length=24, stride=4, max_question_length=6, max_answer_length=5)
GATES = GateSettings(epochs=4, batch_size=8, seed=1)
TRAINING = TrainingSettings(
    epochs=4, batch_size=8, learning_rate=1e-3, held_out=0.2, save_every=0.5, mixed_precision="no"
)
PENALTIES: dict[Any, Penalty] = {"heads": Penalty(0.01, target=0.5)}
THINGS = ("pear", "wall", "river", "gardener", "winter", "bridge", "sun", "stone")
QUESTIONS = [
    Question(thing, "What stood ?", f"The old {thing} stood here .", (Answer(thing, len("The old ")),))
    for thing in THINGS
]
TOKENIZER = tiny.tokenizer([text for each in QUESTIONS for text in (each.question, each.context)])


def road(root: Path, said: list[str], stop: str = "") -> dict[str, Any]:
    """All kinds of stages, as prune-export goes through them; what they found. Cut off after the step `stop`."""

    def progress(what: str, done: int, total: int) -> None:
        if stop and what.startswith(stop) and done == 2:
            raise KeyboardInterrupt

    subject = tiny.subject(tiny.model(seed=1), TOKENIZER, SETTINGS)
    model = copy.deepcopy(subject.model)
    with open_work(root, said.append) as work:
        data, exam = SquadTraining(QUESTIONS), SquadExam(QUESTIONS)
        scores = gains(work, data, subject, 0, 0, progress)
        windows = stored_windows(work, data, subject, SETTINGS, progress)
        gates = trained_gates(work, subject, windows, PENALTIES, GATES, "no", progress)
        continued_training(work, model, subject, windows, TRAINING, subject.model, progress)
        answers = model_answers(work, exam, subject, model, "asking", progress)
    return {
        "scores": scores.to_dict(),
        "gates": gates.to_dict()["log"],
        "weights": {name: weight.clone() for name, weight in model.state_dict().items()},
        "answers": exam.to_json(answers),
    }


def differ(found: Any, right: Any) -> bool:
    if isinstance(right, torch.Tensor):
        return not torch.allclose(found, right, atol=1e-5)
    if isinstance(right, dict):
        return found.keys() != right.keys() or any(differ(found[name], right[name]) for name in right)
    if isinstance(right, list | tuple):
        return len(found) != len(right) or any(map(differ, found, right))
    return abs(found - right) > 1e-4 if isinstance(right, float) else bool(found != right)


HARMS = ("bit", "bits", "cut", "longer", "noise", "empty", "gone", "swapped", "extra", "a folder", "a loop")


def damage(root: Path, generator: random.Random) -> str:
    """Harm one file of the stages, and tell what was done."""
    files = sorted(
        path for path in root.rglob("*") if path.is_file() and path.name not in ("lock", "inputs.json")
    )
    file, harm = generator.choice(files), generator.choice(HARMS)
    content = bytearray(file.read_bytes())
    if harm in ("bit", "bits"):
        for _ in range(1 if harm == "bit" else 20):
            if content:
                content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        file.write_bytes(content)
    elif harm == "cut":
        file.write_bytes(content[: generator.randrange(len(content) or 1)])
    elif harm == "longer":
        file.write_bytes(content + generator.randbytes(9))
    elif harm == "noise":
        file.write_bytes(generator.randbytes(len(content)))
    elif harm == "empty":
        file.write_bytes(b"")
    elif harm == "swapped":
        other = generator.choice(files)
        theirs = other.read_bytes()
        other.write_bytes(content)
        file.write_bytes(theirs)
    elif harm == "extra":
        file.with_name(f"{file.name}.{generator.randrange(99)}").write_bytes(content[::-1])
    else:
        file.unlink()
        if harm == "a folder":
            file.mkdir()
        elif harm == "a loop":
            file.symlink_to(file)
    return f"{harm}: {file.relative_to(root)}"


def damaged_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> Counter[str]:
    """So many damaged folders, whole ones and such that were cut off in gates and in training; how they ended."""
    monkeypatch.setattr(prune.methods.l0.training, "_SAVE_EVERY", 0)
    right = road(tmp_path / "whole", said := [])
    assert said == []
    for name, stop in (("gates", "training gates"), ("training", "distilling")):
        with pytest.raises(KeyboardInterrupt):
            road(tmp_path / name, said, stop)
    assert list((tmp_path / "gates").rglob(STATE_FILE))
    assert list((tmp_path / "training").rglob("optimizer.pt"))
    ends: Counter[str] = Counter()
    for number in range(count):
        generator = random.Random(number)
        state = ("whole", "gates", "training")[number % 3]
        work = tmp_path / "damaged"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(tmp_path / state, work, symlinks=True)
        done = [damage(work, generator) for _ in range(generator.choice((1, 1, 2)))]
        said = []
        try:
            found = road(work, said)
        except InputError as error:
            ends["several lines" if "\n" in str(error) else "one sentence"] += 1
            continue
        except Exception as error:
            raise AssertionError(f"{number}, {state}: {done}") from error
        assert not differ(found, right), (number, state, done, said)
        ends["the right model, said" if said else "the right model"] += 1
    return ends


def test_a_few_damaged_work_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = damaged_runs(tmp_path, monkeypatch, 6)
    assert ends.total() == 6
    assert not ends["several lines"]


@pytest.mark.slow
def test_many_damaged_work_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = damaged_runs(tmp_path, monkeypatch, 210 * TIMES)
    print(dict(ends))
    assert ends.total() == 210 * TIMES
    assert not ends["several lines"]
    assert ends["the right model, said"] > ends.total() / 3
    assert ends["one sentence"] < ends.total() / 10
