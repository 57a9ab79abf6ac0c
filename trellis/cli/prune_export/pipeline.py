"""The whole road: source → model → plan → cut → trained → measured → written. One function per stage, in order."""

import copy
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from transformers import PreTrainedModel

from export.artifact import Artifact, write_artifact
from export.outputs import parts_of
from export.provenance import TARGET
from export.runtimes.tensorrt.build import BuiltEngine, build_engine
from export.target import dialect_of
from prune.checkpoint import save
from prune.loaded_model import LoadedModel, open_model
from prune.search.amount import Choice
from prune.source import PROVENANCE_FILE, Source
from prune.stages import Progress, TrainingWindows, asked, continued_training, stored_windows
from prune.tasks.question_answering.figures import Comparison, warnings
from prune.tasks.question_answering.settings import DECODING_FILE
from prune.work import Work, open_work
from trellis.cli.prune_export.choice import amount_of, choose, job_of
from trellis.cli.prune_export.data import Data, read_data
from trellis.cli.prune_export.estimate import estimate
from trellis.cli.prune_export.preflight import (
    check_machine,
    profiles_of,
    teacher_of,
    training_settings,
)
from trellis.cli.prune_export.quantize_and_evaluate import Measured, Served, calibrated
from trellis.cli.prune_export.request import Request
from trellis.files.json_file import write_json
from trellis.ranks import main_first, ranks

FORMAT = 2
"""Of the JSON: since 2 accuracy is a list of figures, those as served first."""


@dataclass(frozen=True)
class Outcome:
    """What a run of prune-export did."""

    source: Source
    choice: Choice
    own_questions: bool
    """Whether the search asked the user's questions, not the built-in ones."""
    training: dict[str, Any] | None
    """What was seen while training went on after the cut."""
    accuracy: Comparison | None
    """Of the model before and after; None without --dev."""
    served: Served
    """How the graph answers where it is not in fp32, as the model after is."""
    artifact: Artifact
    engine: BuiltEngine | None
    """TensorRT's, where one was asked for."""
    seconds: float
    """Since the command was given, loading included."""
    skipped: str = ""
    """On questions of --train that could not be trained on; '' where there are none."""

    def warnings(self) -> list[str]:
        """What voids the result, or most of it: to be said above everything else."""
        found = [*self.choice.warnings]
        if self.accuracy:
            found += warnings(self.accuracy)
        if self.served.accuracy:
            found += warnings(self.served.accuracy, "the model in fp32", "the file")
        return list(dict.fromkeys(found))


def run(request: Request, progress: Progress, *, began: float | None = None) -> Outcome | None:
    """Do what `request` asks. Raises InputError or ParityError; an existing output then stays as it was.

    Started as several processes by torchrun, all work on what can be shared; the first alone writes, and the
    others return None. `began` is when the command was given, by time.monotonic, where that was before now.
    """
    began = time.monotonic() if began is None else began
    request.check_paths()
    check_machine(request)
    keeps_work = request.keeps_work or ranks().count > 1
    with open_work(
        request.work_directory if keeps_work else None, lambda sentence: progress(sentence, 0, 1)
    ) as work:
        if request.is_demo:
            request = _with_demo(request, progress)
        data = read_data(request)
        subject = open_model(request.model, revision=request.revision)
        origin = subject.source.provenance()
        teacher, amount = teacher_of(request, subject), amount_of(request, subject, data)
        for opened in (subject, teacher):  # of a hub id nobody knew the files before
            request.check_apart(parts_of(opened.source.directory) if opened else ())
        profiles = profiles_of(request, subject.source.encoder)
        job = job_of(request, subject, data)
        if ranks().count == 1 and (expected := estimate(request, amount, job, teacher, data)):
            progress(expected, 0, 1)
        windows = _windows(request, subject, data, work, progress)
        choice = choose(request, amount, job, work, progress)
        smaller = choice.of(subject.model)
        training = None
        if request.training.is_wanted and windows:
            smaller = smaller if choice.plan else copy.deepcopy(smaller)
            training = _train(request, subject, smaller, teacher, windows, work, progress)
        measured = _measure(data, subject, smaller, work, progress)
    if not ranks().is_main:
        return None
    artifact, served, provenance = _write(request, subject, origin, smaller, choice, data, measured, progress)
    engine = None
    if request.output.engine:
        engine = build_engine(
            artifact.path,
            profiles,
            request.output.engine,
            timing_cache=request.output.timing_cache,
            progress=progress,
        )
    own_questions = data.calibration is not None
    seconds = time.monotonic() - began
    outcome = Outcome(
        subject.source,
        choice,
        own_questions,
        training,
        measured.accuracy if measured else None,
        served,
        artifact,
        engine,
        seconds,
        data.skipped,
    )
    if request.files.json_file:
        write_json(request.files.json_file, to_dict(outcome), indent=2)
    if request.files.save_model:  # last, as the same command does not go on where that directory is
        beside = {DECODING_FILE: served.settings.to_dict(), PROVENANCE_FILE: provenance}
        save(smaller, subject.tokenizer, request.files.save_model, beside=beside)
    return outcome


def _windows(
    request: Request, subject: LoadedModel, data: Data, work: Work, progress: Progress
) -> TrainingWindows | None:
    """Windows of the training data on disk, where the cut model is to be trained on them."""
    if not data.train or not request.training.is_wanted:
        return None
    return stored_windows(work, data.train, subject, training_settings(request, subject), progress)


def _train(
    request: Request,
    subject: LoadedModel,
    model: PreTrainedModel,
    teacher: LoadedModel | None,
    windows: TrainingWindows,
    work: Work,
    progress: Progress,
) -> dict[str, Any]:
    """Train `model` in place."""
    epochs = request.training.epochs
    assert epochs is not None
    settings = replace(request.settings, epochs=epochs, seed=request.seed)
    teaching = teacher.model if teacher else None
    return continued_training(work, model, subject, windows, settings, teaching, progress)


def _measure(
    data: Data, subject: LoadedModel, smaller: PreTrainedModel, work: Work, progress: Progress
) -> Measured | None:
    """Ask the model as it came and as it became the same annotated questions."""
    if not data.dev:
        return None
    before = asked(work, data.dev, subject, subject.model, "answering as it came", progress)
    after = asked(work, data.dev, subject, smaller, "answering as it became", progress)
    habit = data.dev.habit(before, subject.settings.null_threshold)
    return Measured(data.dev, after, data.dev.compare(before, after, habit), habit)


def _write(
    request: Request,
    subject: LoadedModel,
    origin: Mapping[str, Any],
    model: PreTrainedModel,
    choice: Choice,
    data: Data,
    measured: Measured | None,
    progress: Progress,
) -> tuple[Artifact, Served, dict[str, Any]]:
    """The artifact, what its precision changed about the answers, where that is not fp32, and whence the model came."""
    settings = subject.settings
    if choice.plan or request.training.is_wanted or request.output.precision != "fp32":
        settings = replace(settings, fitted_on=None)  # that was another model
    if measured:
        settings = calibrated(settings, measured.accuracy, measured)
    provenance = dict(origin)
    if choice.plan:
        method = "plan" if request.amount.plan else request.method.name
        provenance |= {"method": method, "seed": request.seed, "how": choice.how}
    if request.training.is_wanted:
        kind = "distill" if request.training.retrain is None else "retrain"
        provenance |= {"training": kind, "epochs": request.training.epochs}
    progress("writing and checking the graph", 0, 1)
    served = Served(request, subject, model, data, measured, settings, progress)
    artifact = write_artifact(
        model,
        subject.tokenizer,
        settings,
        request.out,
        dialect=dialect_of(request.output.target, request.output.precision),
        precision=request.output.precision,
        model_name=str(provenance.get("model_name", subject.source.name)),
        provenance=provenance | {TARGET: request.output.target},
        quantize=served.quantize if request.output.precision == "int8" else None,
        examine=served.examine if request.output.precision != "fp32" else None,
    )
    return artifact, served, provenance


def _with_demo(request: Request, progress: Progress) -> Request:
    """The request with the word `demo` replaced by its model directory, which is trained if need be."""
    from prune.demo import DEV_FILE, TrainingPlan, find_encoder, train_demo

    encoder = find_encoder()  # before anything is made
    directory = request.work_directory / "demo"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with main_first():
        train_demo(
            directory,
            TrainingPlan(seed=request.seed),
            encoder=encoder,
            progress=lambda done, total: progress("training the demo", done, total),
            say=lambda sentence: progress(sentence, 0, 1),
        )
    data = replace(request.data, dev=request.data.dev or (str(directory / DEV_FILE),))
    return replace(request, model=str(directory), data=data)


def to_dict(outcome: Outcome) -> dict[str, Any]:
    """Everything that was found, as plain values for JSON."""
    metadata = outcome.artifact.metadata
    choice = outcome.choice
    return {
        "format": FORMAT,
        "path": str(outcome.artifact.path),
        "bytes": outcome.artifact.bytes,
        "seconds": outcome.seconds,
        "model": metadata.model_name,
        "how": choice.how,
        "shape": metadata.shape.to_dict(),
        "source_shape": outcome.source.shape.to_dict(),
        "encoder": metadata.encoder.to_dict(),
        "original_shape": metadata.original_shape.to_dict(),
        "parity": outcome.artifact.parity.to_dict(),
        "provenance": dict(metadata.provenance),
        "plan": choice.plan.to_dict() if choice.plan else None,
        "search": asdict(choice.search) | {"plan": None} if choice.search else None,
        **{"gates": [], **choice.found},
        "train_skipped": outcome.skipped or None,
        "training": outcome.training,
        "warnings": outcome.warnings(),
        "accuracy": outcome.accuracy.to_dict() if outcome.accuracy else None,
        "engine": _engine_to_dict(outcome.engine) if outcome.engine else None,
        "precision": metadata.precision,
        "precision_accuracy": outcome.served.accuracy.to_dict() if outcome.served.accuracy else None,
        "precision_device": outcome.served.device if metadata.precision != "fp32" else None,
        "precision_agreement": asdict(outcome.served.agreement) if outcome.served.agreement else None,
    }


def _engine_to_dict(engine: BuiltEngine) -> dict[str, Any]:
    """Without the metadata, which are those of the ONNX file."""
    described = engine.description.to_dict()
    del described["metadata"]
    return {"path": str(engine.path), "seconds": engine.seconds, **described}
