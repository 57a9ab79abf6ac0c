"""The question sets that the user named, read and checked before anything long begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prune.options import Data
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reading import Drawing, Exam, TrainingData
from prune.tasks.question_answering.readings import reading_of
from prune.tasks.question_answering.squad.reading import read_squad


@dataclass(frozen=True)
class LoadedData:
    """None where not given."""

    train: TrainingData | None
    dev: Exam[Any] | None
    calibration: Sequence[Question] | None

    @property
    def skipped(self) -> str:
        """On questions to train on that cannot be trained on; '' where there are none."""
        return self.train.skipped if self.train else ""


def read_data(named: Data, seed: int) -> LoadedData:
    """Read the sets that are `named`, by the form of their task. Raises InputError."""
    reading, drawing = reading_of(named.task), Drawing(named.null_share, seed)
    calibration = read_squad(named.calibration, split="validation") if named.calibration else None
    return LoadedData(
        reading.read_training(named.train, drawing) if named.train else None,
        reading.read_exam(named.dev) if named.dev else None,
        calibration,
    )
