"""The question sets that the user named, read and checked before anything long begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.readings import reading_of
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.question_answering.task import Drawing, Exam, TrainingData
from trellis.cli.prune_export.request import Request


@dataclass(frozen=True)
class Data:
    """None where not given."""

    train: TrainingData | None
    dev: Exam[Any] | None
    calibration: Sequence[Question] | None

    @property
    def skipped(self) -> str:
        """On questions of --train that cannot be trained on; '' where there are none."""
        return self.train.skipped if self.train else ""


def read_data(request: Request) -> Data:
    """Read what --train, --dev and --calibration name, by the form of --task. Raises InputError."""
    named = request.data
    reading, drawing = reading_of(named.task), Drawing(named.null_share, request.seed)
    calibration = read_squad(named.calibration, split="validation") if named.calibration else None
    return Data(
        reading.read_training(named.train, drawing) if named.train else None,
        reading.read_exam(named.dev) if named.dev else None,
        calibration,
    )
