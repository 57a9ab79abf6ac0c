"""The long parts of the road, each looked up in the work folder before it is computed."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_model, save_model
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from prune.checkpoint import weights_digest
from prune.loaded_model import LoadedModel
from prune.modes import placed
from prune.tasks.question_answering.reading import Exam, TrainingData
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.stored import FILE, StoredWindows, store_windows
from prune.tasks.question_answering.windows import pad_token_id_of
from prune.tasks.torch_runner import torch_runner
from prune.train import checkpoints
from prune.train.precision import precision_of
from prune.train.settings import TrainingSettings
from prune.train.trainer import train
from prune.work import Work, reading
from trellis.files.json_file import read_json, write_json
from trellis.files.replace import replace_file
from trellis.ranks import ranks

Progress = Callable[[str, int, int], None]
"""Called with (what is done, units done, units in all)."""

Answers = TypeVar("Answers")

_WEIGHTS, _ANSWERS, _CHECKPOINTS = "model.safetensors", "answers.json", "checkpoints"


@dataclass(frozen=True)
class TrainingWindows:
    """Windows to train on, and a name that tells them from any others."""

    stored: StoredWindows
    key: str

    def share(self, share: float, seed: int) -> "TrainingWindows":
        """Those of about `share` of the contexts, drawn at random."""
        if share == 1:
            return self
        return TrainingWindows(self.stored.split(share, seed)[1], f"{self.key} share {share} seed {seed}")


def stored_windows(
    work: Work, data: TrainingData, subject: LoadedModel, settings: DecodingSettings, progress: Progress
) -> TrainingWindows:
    """All windows of `data` as `settings` cut them, on disk."""
    inputs = {
        "data": data.fingerprint,
        "tokenizer": tokenizer_digest(subject.tokenizer),
        **settings.cutting,
    }

    def compute(directory: Path) -> None:
        progress("cutting the training data into windows", 0, 1)
        store_windows(data.windows(subject.tokenizer, settings), directory / "windows")

    _, directory = work.stage("windows", inputs, compute, kept=[f"windows/{FILE}"])
    with reading(directory):
        return TrainingWindows(StoredWindows.open(directory / "windows"), directory.name)


def continued_training(
    work: Work,
    model: PreTrainedModel,
    subject: LoadedModel,
    windows: TrainingWindows,
    settings: TrainingSettings,
    teacher: PreTrainedModel | None,
    progress: Progress,
) -> dict[str, Any]:
    """Train `model` in place, by its task or from `teacher`; what was seen on the way, as plain values."""
    what = "distilling" if teacher else "retraining"
    precision = precision_of(settings.mixed_precision, model.dtype)

    def compute(directory: Path) -> dict[str, Any]:
        outcome = train(
            model,
            windows.stored,
            settings,
            pad_token_id=pad_token_id_of(subject.tokenizer),
            directory=directory / _CHECKPOINTS,
            teacher=teacher,
            progress=lambda done, total, figures: progress(f"{what} ({figures})", done, total),
        )
        if work.is_main:
            with replace_file(directory / _WEIGHTS) as staging:
                save_model(model, str(staging))
        return asdict(outcome)

    inputs = {
        "model": weights_digest(model),
        "teacher": weights_digest(teacher) if teacher else None,
        "windows": windows.key,
        "settings": asdict(settings),
        "precision": precision,
    }
    result, directory = work.stage(
        "training",
        inputs,
        compute,
        together=True,
        kept=[_WEIGHTS],
        passing=[_CHECKPOINTS],
        clean=lambda directory: checkpoints.clean(directory / _CHECKPOINTS),
    )
    with reading(directory):
        load_model(model, directory / _WEIGHTS)
    if work.is_main and (left := directory / _CHECKPOINTS).exists():
        shutil.rmtree(left)  # several times the size of the weights, and of use until the stage is whole
    return dict(result)


def model_answers(
    work: Work,
    exam: Exam[Answers],
    subject: LoadedModel,
    model: PreTrainedModel,
    what: str,
    progress: Progress,
) -> Answers:
    """What `model`, the subject or a cut one of it, answers in the exam."""
    settings = subject.settings

    def compute(directory: Path) -> None:
        with placed(model, ranks().device):
            answers = exam.ask(
                torch_runner(model),
                subject.tokenizer,
                settings,
                lambda done, total: progress(what, done, total),
            )
        write_json(directory / _ANSWERS, exam.to_json(answers))

    inputs = {
        "model": weights_digest(model),
        "tokenizer": tokenizer_digest(subject.tokenizer),
        "questions": exam.fingerprint,
        "settings": settings.to_dict(),
    }
    _, directory = work.stage("answers", inputs, compute, kept=[_ANSWERS])
    with reading(directory):
        return exam.from_json(read_json(directory / _ANSWERS, "file of answers"))


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Names what the tokenizer makes of a text: another one has another digest."""
    backend: Any = tokenizer
    text = json.dumps([backend.backend_tokenizer.to_str(), tokenizer.model_input_names])
    return hashlib.sha256(text.encode()).hexdigest()
