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
    named = request.data
    calibration = read_squad(named.calibration, split="validation") if named.calibration else None
    if named.task == "nq":
        return Data(
            NqTraining(named.train, named.null_share, request.seed) if named.train else None,
            read_nq_exam(named.dev) if named.dev else None,
            calibration,
        )
    trainable, skipped = read_trainable(named.train, split="train") if named.train else ([], "")
    return Data(
        SquadTraining(trainable) if named.train else None,
        read_exam(named.dev) if named.dev else None,
        calibration,
        skipped,
    )
