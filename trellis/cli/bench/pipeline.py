"""A request, carried out: models opened, pairs timed, accuracy measured, limits checked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from bench.accuracy import Accuracy, ask, check_accuracy, read_exam, score
from bench.measure.environment import Watch, environment
from bench.measure.inputs import check_length
from bench.measure.peak import matmul_peak
from bench.measure.runners import runner
from bench.measure.turns import measure
from bench.models import Model, Opener
from bench.result.comparison import Comparison
from bench.result.limits import check_limits
from bench.result.model import MeasuredModel
from bench.result.notes import with_notes
from bench.result.result import Result
from bench.result.summary import summarize
from bench.workload import BERT_BASE, ROLES, Effort, Load, Role
from prune.families.encoder import Encoder
from prune.tasks.question_answering.task import Exam
from trellis.cli.bench.request import Request
from trellis.progress import duration

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, how much of it is done, how much there is)."""

Models = dict[Role, Model]


def run(request: Request, scratch: Path, progress: Progress) -> Result:
    """Carry out `request`; files built on the way go into `scratch`.

    Whatever can be refused is refused before the first minute is spent on measuring. Raises InputError for
    what the user can mend, WorkerDiedError where an engine's process ends by itself.
    """
    for runtime in request.runtimes:
        runner(runtime).check(request.device)
    place = environment(gpu=request.device != "cpu")
    exam = read_exam(request.task, request.dev) if request.dev else None
    shortened: list[str] = []
    compared = list(_compared(request, scratch, progress, shortened))
    watch, own_seconds = Watch(), list[float | None]()
    points = []
    for number, (models, loads) in enumerate(compared, 1):
        candidate, baseline = models["candidate"], models["baseline"]
        peaks = {role: _peak(model) for role, model in models.items()}
        stage = _stage(candidate, len(loads), request.effort, f"{number} of {len(compared)}")
        measured = measure(candidate.engine, baseline.engine, loads, request.effort, partial(progress, stage))
        own_seconds.append(measured.cpu_seconds)
        points.append(
            [
                summarize(load, samples, models, peaks)
                for load, samples in zip(loads, measured.samples, strict=True)
            ]
        )
    known = [seconds for seconds in own_seconds if seconds is not None]
    disturbance = watch.disturbance(sum(known) if len(known) == len(own_seconds) else None)
    accuracy_of = _accuracies(request, exam, progress) if exam else lambda models: None
    comparisons = [
        Comparison(
            {role: MeasuredModel.of(model) for role, model in models.items()}, found, accuracy_of(models)
        )
        for (models, _), found in zip(compared, points, strict=True)
    ]
    result = Result(
        command=request.command,
        environment=place,
        disturbance=disturbance,
        effort=request.effort,
        comparisons=comparisons,
        limits=check_limits(
            comparisons,
            request.min_speedup,
            request.max_f1_loss,
            request.tested,
            request.max_has_answer_f1_loss,
        ),
    )
    return with_notes(result, shortened)


def _stage(candidate: Model, points: int, effort: Effort, which: str) -> str:
    """What is measured, and how long that will take, as far as it can be known before the first call."""
    engine = candidate.engine
    where = "1 operating point" if points == 1 else f"{points} operating points"
    most = f"{'within' if effort.firm else 'about'} {duration(points * effort.max_time)}"
    return (
        f"timing {which}, {candidate.name}, {engine.runtime}, {candidate.precision}, {engine.threads} threads: "
        f"{where}, {most}{'' if effort.firm else ', more where calls are slow'}"
    )


def _compared(
    request: Request, scratch: Path, progress: Progress, shortened: list[str]
) -> Iterator[tuple[Models, list[dict[Role, Load]]]]:
    """Which models are compared, and what both are asked for, operating point by operating point.

    What the time allows less of than is usual is told in `shortened`.

    Where lengths are unequal, what arranging them brings is measured as well: a candidate against itself.
    """
    seen = set()
    for models in _pairs(request, scratch, progress):
        if not request.lengths:
            yield models, [dict.fromkeys(ROLES, workload) for workload in request.workloads]
            continue
        from bench.traffic import affordable, arrangements, read_lengths  # loads onnx

        candidate = models["candidate"]
        lengths = read_lengths(candidate, request.lengths)
        if request.effort.firm:
            progress(f"trying how long a window takes {models['baseline'].name}", 0, 1)
            asked = affordable(lengths, models["baseline"].engine, request.effort)
            if asked < len(lengths):
                shortened.append(
                    f"{asked} of {len(lengths)} questions were served: --max-time {request.effort.max_time:g} allows "
                    "no more."
                )
            lengths = lengths[:asked]
        ways = arrangements(lengths, max(workload.batch for workload in request.workloads))
        yield models, [dict.fromkeys(ROLES, way) for way in ways]
        if candidate not in seen:
            seen.add(candidate)
            yield (
                dict.fromkeys(ROLES, candidate),
                [{"baseline": ways[0], "candidate": way} for way in ways[1:]],
            )


def _peak(model: Model) -> float | None:
    engine = model.engine
    return matmul_peak(model.precision, engine.threads) if engine.device == "cpu" else None


def _pairs(request: Request, scratch: Path, progress: Progress) -> Iterator[Models]:
    """Candidates with their baselines, all of them fit for what is asked of them."""
    for runtime in request.runtimes:
        for threads in request.threads:
            for precision in request.precisions:
                opener = Opener(
                    runtime,
                    request.device,
                    threads,
                    scratch,
                    request.clients,
                    request.timing,
                    precision,
                    lambda what: progress(what, 0, 1),
                )
                yield from _pairs_of(request, opener)


def _pairs_of(request: Request, opener: Opener) -> Iterator[Models]:
    if not request.models:
        _check_lengths(BERT_BASE, request)
        candidate, baseline = opener.paper_pair()
        yield {"baseline": baseline, "candidate": candidate}
        if opener.precision != "fp32":
            in_fp32 = replace(opener, precision="fp32").bert_base()
            yield {"baseline": replace(in_fp32, name=f"{in_fp32.name}, fp32"), "candidate": candidate}
        return
    candidates = [opener.open(name) for name in request.models]
    dialects = dict.fromkeys(map(_dialect, candidates)) if request.baseline else {}
    baselines = {dialect: opener.open(str(request.baseline), dialect=dialect) for dialect in dialects}
    for model in (*candidates, *baselines.values()):
        _check_lengths(model.engine.encoder, request)
        if request.dev:
            check_accuracy(model)
    for candidate in candidates:
        for baseline in [baselines[_dialect(candidate)]] if baselines else _twins(candidate, opener):
            yield {"baseline": baseline, "candidate": candidate}


def _twins(candidate: Model, opener: Opener) -> list[Model]:
    """The unpruned twin in the same precision and, where that is not fp32, the one in fp32 as well."""
    twins = [opener.unpruned_twin(candidate)]
    return twins if candidate.precision == "fp32" else [*twins, opener.unpruned_twin(candidate, in_fp32=True)]


def _dialect(candidate: Model) -> str | None:
    """What a baseline from a directory, which is in fp32, is written in: as its rival, or what is best there."""
    return candidate.dialect if candidate.precision == "fp32" else None


def _check_lengths(encoder: Encoder, request: Request) -> None:
    if not request.lengths:
        for workload in request.workloads:
            check_length(encoder, workload.seq)


def _accuracies(request: Request, exam: Exam[Any], progress: Progress) -> Callable[[Models], Accuracy | None]:
    """Gives the accuracy of a pair of models; each trained one is asked once. For when all timing is over."""

    @cache
    def answers_of(model: Model) -> Any:
        return ask(model, exam, partial(progress, f"asking {model.name}"))

    def accuracy_of(models: Models) -> Accuracy:
        answers = {role: answers_of(model) for role, model in models.items() if model.weights == "trained"}
        return score(request.task, exam, models, answers)

    return accuracy_of
