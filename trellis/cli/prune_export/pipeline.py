"""The command's road: checked → prepared → pruned → exported → written down. The libraries do what is long."""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from export.exporting import Exported, check_machine, export, profiles_of
from export.outputs import parts_of
from export.runtimes.tensorrt.build import BuiltEngine
from prune.pruned import Pruned
from prune.pruning import Pruning, check_training, prepare
from prune.tasks.question_answering.figures import warnings
from prune.work import open_work
from trellis.cli.prune_export.estimate import estimate
from trellis.cli.prune_export.request import Request
from trellis.errors import InputError
from trellis.files.json_file import write_json
from trellis.progress import Report
from trellis.ranks import main_first, ranks

FORMAT = 2
"""Of the JSON: since 2 accuracy is a list of figures, those as served first."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run of prune-export did."""

    pruned: Pruned
    exported: Exported
    seconds: float
    """Since the command was given, loading included."""

    def warnings(self) -> list[str]:
        """What voids the result, or most of it: to be said above everything else."""
        found = self.pruned.warnings()
        if accuracy := self.exported.served.accuracy:
            found += warnings(accuracy, "the model in fp32", "the file")
        return list(dict.fromkeys(found))


def run(request: Request, progress: Report, *, began: float | None = None) -> Outcome | None:
    """Do what `request` asks. Raises InputError or ParityError; an existing output then stays as it was.

    Started as several processes by torchrun, all work on what can be shared; the first alone writes, and the
    others return None. `began` is when the command was given, by time.monotonic, where that was before now.
    """
    began = time.monotonic() if began is None else began
    request.check_paths()
    check_before(request)
    keeps_work = request.keeps_work or ranks().count > 1
    with open_work(
        request.work_directory if keeps_work else None, lambda sentence: progress(sentence, 0, 1)
    ) as work:
        if request.is_demo:
            request = _with_demo(request, progress)
        pruning = prepared(request)
        if ranks().count == 1 and (expected := estimate(pruning, request.output)):
            progress(expected, 0, 1)
        pruned = pruning.run(work, progress)
    if not ranks().is_main:
        return None
    exported = export(pruned, request.out, request.output, progress=progress)
    outcome = Outcome(pruned, exported, time.monotonic() - began)
    if request.files.json_file:
        write_json(request.files.json_file, to_dict(outcome), indent=2)
    if request.files.save_model:  # last, as the same command does not go on where that directory is
        pruned.save(request.files.save_model)
    return outcome


def check_before(request: Request) -> None:
    """Raise InputError where this machine, or so many processes, cannot do as the request says."""
    check_machine(request.output)
    if request.is_demo and ranks().count > 1:
        raise InputError(
            f"The demo is trained by one process, and {ranks().count} are here; give a model directory, or start "
            "prune-export demo by itself."
        )
    check_training(request.method, request.training, request.settings)


def prepared(request: Request) -> Pruning:
    """Everything read, and refused where it can be before anything long begins."""
    pruning = prepare(
        request.model,
        request.amount,
        method=request.method,
        data=request.data,
        training=request.training,
        settings=request.settings,
        seed=request.seed,
        revision=request.revision,
    )
    for opened in (pruning.subject, pruning.teacher):  # of a hub id nobody knew the files before
        request.check_apart(parts_of(opened.source.directory) if opened else ())
    profiles_of(request.output, pruning.subject.source.encoder)
    return pruning


def _with_demo(request: Request, progress: Report) -> Request:
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
    pruned, exported = outcome.pruned, outcome.exported
    choice, artifact, served = pruned.choice, exported.artifact, exported.served
    metadata = artifact.metadata
    return {
        "format": FORMAT,
        "path": str(artifact.path),
        "bytes": artifact.bytes,
        "seconds": outcome.seconds,
        "model": metadata.model_name,
        "how": choice.how,
        "shape": metadata.shape.to_dict(),
        "source_shape": pruned.subject.source.shape.to_dict(),
        "encoder": metadata.encoder.to_dict(),
        "original_shape": metadata.original_shape.to_dict(),
        "parity": artifact.parity.to_dict(),
        "provenance": dict(metadata.provenance),
        "plan": choice.plan.to_dict() if choice.plan else None,
        "search": asdict(choice.search) | {"plan": None} if choice.search else None,
        **{"gates": [], **choice.found},
        "train_skipped": pruned.data.skipped or None,
        "training": pruned.training,
        "warnings": outcome.warnings(),
        "accuracy": pruned.accuracy.to_dict() if pruned.accuracy else None,
        "engine": _engine_to_dict(exported.engine) if exported.engine else None,
        "precision": metadata.precision,
        "precision_accuracy": served.accuracy.to_dict() if served.accuracy else None,
        "precision_device": served.device if metadata.precision != "fp32" else None,
        "precision_agreement": asdict(served.agreement) if served.agreement else None,
    }


def _engine_to_dict(engine: BuiltEngine) -> dict[str, Any]:
    """Without the metadata, which are those of the ONNX file."""
    described = engine.description.to_dict()
    del described["metadata"]
    return {"path": str(engine.path), "seconds": engine.seconds, **described}
