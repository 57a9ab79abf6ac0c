"""The question sets that the user named, read and checked before anything long begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prune.tasks.question_answering.natural_questions.task import NqTraining
from prune.tasks.question_answering.natural_questions.task import read_exam as read_nq_exam
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.squad.reading import read_squad, read_trainable
from prune.tasks.question_answering.squad.task import SquadTraining, read_exam
from prune.tasks.question_answering.task import Exam, TrainingData
from trellis.cli.prune_export.request import Request


@dataclass(frozen=True)
class Data:
    """None where not given."""

    train: TrainingData | None
    dev: Exam[Any] | None
    calibration: Sequence[Question] | None
    skipped: str = ""
    """On questions of --train that cannot be trained on; '' where there are none."""


def read_data(request: Request) -> Data:
    """Read what --train, --dev and --calibration name, by the form of --task. Raises InputError."""
    calibration = read_squad(request.calibration, split="validation") if request.calibration else None
    if request.task == "nq":
        return Data(
            NqTraining(request.train, request.null_share, request.seed) if request.train else None,
            read_nq_exam(request.dev) if request.dev else None,
            calibration,
        )
    trainable, skipped = read_trainable(request.train, split="train") if request.train else ([], "")
    return Data(
        SquadTraining(trainable) if request.train else None,
        read_exam(request.dev) if request.dev else None,
        calibration,
        skipped,
    )
