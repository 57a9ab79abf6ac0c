"""gain as a method: which questions it scores by, and what that costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from prune.cost.passes import FORWARD, FROZEN, Passes
from prune.methods.job import Job
from prune.methods.method import Method, Need, Scored
from prune.methods.target import Target
from prune.plan import Scores
from prune.tasks.question_answering.reading import TrainingData
from prune.tasks.question_answering.windows import Window
from trellis.bounds import check_whole
from trellis.errors import Parameter
from trellis.progress import Report

if TYPE_CHECKING:
    from prune.loaded_model import LoadedModel
    from prune.work import Work

AT_ONCE = 8
"""Windows that gradients are computed of at once."""


@dataclass(frozen=True)
class Gain(Method):
    """Scores, of method gain.

    Raises InputError where a number is out of range.
    """

    name: ClassVar[str] = "gain"
    does: ClassVar[str] = "scores units by how much the loss feels them"
    needs: ClassVar[Need] = "text"

    train_questions: int = 1000
    """Score units by this many questions of `train`, drawn at random; 0 is all of them."""

    def __post_init__(self) -> None:
        check_whole(Parameter("train_questions"), self.train_questions, 0)

    def rank(self, job: Job, target: Target | None, work: "Work", progress: Report) -> Scored:
        """Scores by annotated questions where there are any, else by the model's own answers."""
        if job.train:
            return Scored(gains(work, job.train, job.subject, self.train_questions, job.seed, progress))
        answered = job.own_answers(lambda done, total: progress("asking the model", done, total))
        return Scored(_scores(job.subject, job.subject.windows(answered), progress))

    def passes(self, job: Job, target: Target | None) -> Iterator[Passes]:
        """What asks the model, if need be, and what scores."""
        lot = job.sample_lot(self.train_questions if job.train else 0)
        if lot and not job.train and not job.answered:
            yield job.counter.passes("asking the model", lot, job.shapes, FORWARD)
        if lot:
            yield job.counter.passes("scoring", lot, job.shapes, FROZEN, at_once=AT_ONCE)


def gains(
    work: "Work",
    data: TrainingData,
    subject: "LoadedModel",
    num_questions: int,
    seed: int,
    progress: Report,
) -> Scores:
    """Scores by gain, from `num_questions` of the training data, drawn at random; 0 is all of them."""
    from prune.checkpoint import weights_digest
    from prune.stages import tokenizer_digest
    from prune.work import reading

    def compute(_: Path) -> dict[str, Any]:
        windows = data.sample(num_questions, seed, subject.tokenizer, subject.settings)
        return _scores(subject, windows, progress).to_dict()

    inputs = {
        "model": weights_digest(subject.model),
        "tokenizer": tokenizer_digest(subject.tokenizer),
        "data": data.fingerprint,
        "num_questions": num_questions,
        "seed": seed,
        "settings": subject.settings.to_dict(),
    }
    result, directory = work.stage("gains", inputs, compute)
    with reading(directory):
        return Scores.from_dict(result)


def _scores(subject: "LoadedModel", windows: Sequence[Window], progress: Report) -> Scores:
    """Of every head and activation; `windows` carry the answers."""
    from prune.methods.batches import training_batches
    from prune.methods.gain.gradients import gain_scores
    from prune.modes import placed
    from prune.tasks.question_answering.windows import pad_token_id_of
    from trellis.ranks import ranks

    with placed(subject.model, ranks().device):
        batches = training_batches(
            subject.model,
            windows,
            pad_token_id=pad_token_id_of(subject.tokenizer),
            batch_size=AT_ONCE,
            progress=lambda done, total: progress("scoring heads and activations", done, total),
        )
        return gain_scores(subject.model, batches)
