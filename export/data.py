"""The question sets that the user named, read and checked before anything long begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from export.request import Request
from prune.qa.nq.task import NqExam, NqTraining
from prune.qa.questions import Question
from prune.qa.squad import read_squad
from prune.qa.squad_task import SquadExam, SquadTraining
from prune.qa.task import Exam, TrainingData


@dataclass(frozen=True)
class Data:
    """None where not given."""

    train: TrainingData | None
    dev: Exam[Any, Any] | None
    calibration: Sequence[Question] | None


def read_data(request: Request) -> Data:
    """Read what --train, --dev and --calibration name, by the form of --task. Raises InputError."""
    calibration = read_squad(request.calibration, split="validation") if request.calibration else None
    if request.task == "nq":
        return Data(
            NqTraining(request.train, request.null_share, request.seed) if request.train else None,
            NqExam(request.dev) if request.dev else None,
            calibration,
        )
    return Data(
        SquadTraining(read_squad(request.train, split="train")) if request.train else None,
        SquadExam(read_squad(request.dev, split="validation")) if request.dev else None,
        calibration,
    )
