"""A cut, whole: from the name of a model and what is wanted of it to the model that is left.

`prepare` reads and refuses all that can be read and refused before anything long begins; `Pruning.run` does the rest.
"""

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from prune.choosing import extent_of, stays_as_it_is
from prune.contradictions import check_together
from prune.data import LoadedData, read_data
from prune.loaded_model import LoadedModel, open_model, open_teacher
from prune.methods import DEFAULT, method_named
from prune.methods.job import Job
from prune.methods.method import Method
from prune.options import Amount, Data, Training
from prune.pruned import Measured, Pruned
from prune.search.extent import Choice, Extent
from prune.search.given import Unchanged
from prune.stages import TrainingWindows, continued_training, model_answers, stored_windows
from prune.tasks.question_answering.builtin import builtin_questions
from prune.tasks.question_answering.settings import DecodingSettings
from prune.train.precision import precision_of
from prune.train.settings import TrainingSettings
from prune.work import Work, open_work
from trellis.bounds import MOST_SEED, check_whole
from trellis.errors import InputError, Parameter
from trellis.progress import Report
from trellis.ranks import ranks

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def prune(
    model: str | Path,
    amount: Amount | None = None,
    *,
    method: Method | str = DEFAULT,
    data: Data | None = None,
    training: Training | None = None,
    settings: TrainingSettings | None = None,
    seed: int = 0,
    revision: str | None = None,
    work: str | Path | None = None,
    progress: Report = lambda what, done, total: None,
) -> Pruned:
    """Cut a fine-tuned model, train what is left if that is wanted, and measure what was lost if there is data for it.

    Args:
        model: A model directory, or a hub id.
        amount: How much goes; by default as far as the model's own answers allow.
        method: What decides which units go: an object of `prune.methods`, or its name.
        data: Annotated questions to score by, to train on, and to measure on.
        training: How to go on after the cut; by default not at all.
        settings: How to train, whether gates or the model.
        seed: Of whatever is drawn at random.
        revision: Of a hub id.
        work: Folder for finished and half-finished stages, from which the same call goes on; by default none is kept.
        progress: Called with (what is done, units done, units in all).

    Returns:
        The model as it became, with how it was chosen and what it lost.

    Raises:
        InputError: What is wanted contradicts itself, or the model or the data cannot be used. It names parameters.
    """
    with open_work(Path(work) if work else None, lambda sentence: progress(sentence, 0, 1)) as opened:
        prepared = prepare(
            model,
            amount or Amount(),
            method=method,
            data=data or Data(),
            training=training or Training(),
            settings=settings or TrainingSettings(),
            seed=seed,
            revision=revision,
        )
        return prepared.run(opened, progress)


def prepare(
    model: str | Path,
    amount: Amount,
    *,
    method: Method | str,
    data: Data,
    training: Training,
    settings: TrainingSettings,
    seed: int = 0,
    revision: str | None = None,
) -> "Pruning":
    """Read the model and the data, and check whatever can be; see `prune`."""
    way = method_named(method)() if isinstance(method, str) else method
    check_whole(Parameter("seed"), seed, 0, MOST_SEED)
    check_together(amount, way, data, training, settings)
    check_training(way, training, settings)
    read = read_data(data, seed)
    subject = open_model(str(model), revision=revision)
    teacher = _teacher(amount, way, training, subject)
    trains = training.is_wanted or way.trains
    reading = _reading(data, subject) if data.train and trains else None
    return Pruning(
        subject=subject,
        teacher=teacher,
        data=read,
        extent=extent_of(amount, way, subject, read, seed),
        method=way,
        job=Job(subject, read.train, text=builtin_questions(), training=settings, reading=reading, seed=seed),
        training=training,
        said_by="plan" if amount.plan else way.name,
    )


def check_training(method: Method, training: Training, settings: TrainingSettings) -> None:
    """Raise InputError where this device, or so many processes, cannot train as is wanted."""
    if training.is_wanted:
        settings.accumulation(ranks().count)
    if training.is_wanted or method.trains:
        precision_of(settings.mixed_precision, torch.float32)


@dataclass(frozen=True, eq=False)
class Pruning:
    """A cut that is prepared: everything is read and checked, and nothing long has begun."""

    subject: LoadedModel
    teacher: LoadedModel | None
    """Whom the cut model is to learn from, if anybody."""
    data: LoadedData
    extent: Extent
    method: Method
    job: Job
    training: Training
    said_by: str
    """What decides the units that stay: a method's name, or that a plan does."""

    @property
    def may_change(self) -> bool:
        """Whether the model may come out other than it came."""
        return self.training.is_wanted or not isinstance(self.extent, Unchanged)

    def run(self, work: Work, progress: Report) -> Pruned:
        """Cut, train, measure; long parts are stages in `work`.

        Several processes share what can be shared, and all return the same.
        """
        job, subject = self.job, self.subject
        origin = subject.source.provenance()
        windows = self._windows(work, progress)
        choice = self.extent.settle(self.method, job, work, progress)
        if choice.search and not choice.cut and self.teacher is subject:
            raise InputError(
                "Nothing is to be cut, for {}, so that the model would learn from itself; say how much is to go "
                "({}, {}), or use {}.",
                *(
                    choice.search.reason,
                    Parameter("prune_heads"),
                    Parameter("prune_ffn"),
                    Parameter("retrain"),
                ),
            )
        model, seen = choice.of(subject.model), None
        if windows:
            model = model if choice.cut else copy.deepcopy(model)
            seen = self._train(model, windows, work, progress)
        settings = subject.settings
        if choice.cut or self.training.is_wanted:
            settings = replace(settings, fitted_on=None)  # that was another model
        measured = self._measure(model, work, progress)
        if measured:
            settings = measured.calibrated(settings, measured.accuracy)
        return Pruned(
            subject=subject,
            model=model,
            choice=choice,
            settings=settings,
            provenance=origin | self._provenance(choice),
            data=self.data,
            measured=measured,
            training=seen,
            seed=job.seed,
        )

    def _windows(self, work: Work, progress: Report) -> TrainingWindows | None:
        """Windows of the training data on disk, where the cut model is to be trained on them."""
        if not self.data.train or not self.training.is_wanted:
            return None
        reading = self.job.reading or self.subject.settings
        return stored_windows(work, self.data.train, self.subject, reading, progress)

    def _train(
        self, model: "PreTrainedModel", windows: TrainingWindows, work: Work, progress: Report
    ) -> dict[str, Any]:
        """Train `model` in place."""
        epochs = self.training.epochs
        assert epochs is not None
        settings = replace(self.job.training, epochs=epochs, seed=self.job.seed)
        teacher = self.teacher.model if self.teacher else None
        return continued_training(work, model, self.subject, windows, settings, teacher, progress)

    def _measure(self, model: "PreTrainedModel", work: Work, progress: Report) -> Measured | None:
        """Ask the model as it came and as it became the same annotated questions."""
        exam, subject = self.data.dev, self.subject
        if not exam:
            return None
        before = model_answers(work, exam, subject, subject.model, "answering as it came", progress)
        after = model_answers(work, exam, subject, model, "answering as it became", progress)
        habit = exam.habit(before, subject.settings.null_threshold)
        return Measured(exam, after, exam.compare(before, after, habit), habit)

    def _provenance(self, choice: Choice) -> dict[str, Any]:
        said: dict[str, Any] = {}
        if choice.cut:
            said |= {"method": self.said_by, "seed": self.job.seed, "how": choice.how}
        if self.training.is_wanted:
            kind = "distill" if self.training.retrain is None else "retrain"
            said |= {"training": kind, "epochs": self.training.epochs}
        return said


def _teacher(amount: Amount, method: Method, training: Training, subject: LoadedModel) -> LoadedModel | None:
    """Whom the cut model is to learn from, if anybody: by default what it was before the cut.

    Raises InputError where that would be itself, and for a teacher that cannot be one.
    """
    if training.distill is None:
        return None
    if training.teacher:
        return open_teacher(training.teacher, subject)
    if stays_as_it_is(amount, method, subject.source):
        raise InputError(
            "{} is already cut and no amount is given, so that it would learn from itself; name another {}, or use "
            "{}.",
            *(subject.source.name, Parameter("teacher"), Parameter("retrain")),
        )
    return subject


def _reading(data: Data, subject: LoadedModel) -> DecodingSettings:
    """How training data are cut into windows: as for answering, or of another length.

    Raises InputError where the model does not read as much.
    """
    settings, length = subject.settings, data.train_length or subject.settings.max_length
    longest = subject.source.encoder.max_length
    if length > longest:
        raise InputError(
            "{} is {}; the model reads at most {} tokens.", Parameter("train_length"), length, longest
        )
    return settings.clipped(length) if length < settings.max_length else replace(settings, max_length=length)
