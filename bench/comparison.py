"""Models held against what they are compared with: opened, timed in turns, asked questions, held against limits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from bench.accuracy import Accuracy, ask, read_exam, score
from bench.measure.environment import Disturbance, Watch, environment
from bench.measure.peak import matmul_peak
from bench.measure.turns import measure, total_seconds
from bench.models import Model, own_runtime
from bench.named import file_of
from bench.options import Engines, Limits, OperatingPoints, Questions
from bench.pairs import Models, Wanted, pairs
from bench.result.comparison import Comparison
from bench.result.limits import check_limits
from bench.result.model import MeasuredModel
from bench.result.notes import with_notes
from bench.result.point import Point
from bench.result.result import Result
from bench.result.summary import summarize
from bench.workload import ROLES, Effort, Load, Role
from export.runtimes import runtime_of, usual_device
from export.runtimes.engine_spec import Device
from prune.tasks.question_answering.reading import Exam, ReadingName
from trellis.cores import available_cores
from trellis.errors import InputError, Parameter
from trellis.files.scratch import scratch
from trellis.progress import Report, duration


def _silent(what: str, done: int, total: int) -> None: ...


def compare(
    models: Sequence[str | Path] = (),
    *,
    baseline: str | Path | None = None,
    points: OperatingPoints = OperatingPoints(),
    engines: Engines = Engines(),
    effort: Effort = Effort(),
    questions: Questions = Questions(),
    limits: Limits = Limits(),
    progress: Report = _silent,
    command: str = "bench.compare",
) -> Result:
    """Measure how many times as fast models are as what they were cut from, and what that cost in F1.

    Each engine runs in a process of its own. The two of a pair take turns, and the speed-up is the ratio of
    neighbouring turns over several launches, with its 95 % interval. Whatever can be refused is refused before the
    first minute is spent on measuring.

    Args:
        models: .onnx files that prune-export wrote, their folders, or model directories. Where there is none, BERT-base
            cut as in the paper is held against the whole BERT-base.
        baseline: The model to compare with; None is each model's unpruned twin, with random weights, on which latency
            does not depend.
        points: Sequences in a call and tokens in a sequence, or questions of unequal lengths.
        engines: Runtime, device, threads, clients, and how the time is taken.
        effort: How narrow the interval should become, and how long that may take.
        questions: The F1 of both models is measured on these, after all timing.
        limits: Held against what is found; see `Result.limits`.
        progress: Called with (what is being done, how much of it is done, how much there is).
        command: What the result says that it was made by.

    Returns:
        Every comparison at every operating point, raw samples included, with what a reader must know of them.

    Raises:
        InputError: What was asked for contradicts itself, or a model, file, runtime or device is none that serves.
        WorkerDiedError: An engine's process ended by itself.
        OSError: The disk takes no graph that is built on the way.
    """
    found = [file_of(str(model), engines.runtime) for model in models]
    other = file_of(str(baseline), engines.runtime) if baseline else None
    engines, device = _settled(engines, [*found, *([other] if other else ())])
    _check_together(found, other, points, engines, questions, limits)
    for runtime in engines.runtime:
        runtime_of(runtime).check(device)
    place = environment(gpu=device != "cpu")
    exam = read_exam(questions.task, questions.dev) if questions.dev else None
    seqs = () if points.lengths else points.seq
    wanted = Wanted(found, other, seqs, accuracy=exam is not None)
    shortened: list[str] = []
    with scratch() as folder:
        opened = pairs(wanted, engines, device, folder, lambda what: progress(what, 0, 1))
        todo = list(_loads(opened, points, effort, progress, shortened))
        timed, disturbance = _timed(todo, effort, progress)
        accuracy_of = _accuracies(questions.task, exam, progress) if exam else lambda pair: None
        comparisons = [
            Comparison(
                {role: MeasuredModel.of(model) for role, model in pair.items()}, measured, accuracy_of(pair)
            )
            for (pair, _), measured in zip(todo, timed, strict=True)
        ]
    result = Result(
        command=command,
        environment=place,
        disturbance=disturbance,
        effort=effort,
        comparisons=comparisons,
        limits=check_limits(
            comparisons,
            limits.min_speedup,
            limits.max_f1_loss,
            limits.test,
            limits.max_has_answer_f1_loss,
        ),
    )
    return with_notes(result, shortened)


def _settled(engines: Engines, named: Sequence[str]) -> tuple[Engines, Device]:
    """`engines` with all that was left open decided as suits the models that are `named`."""
    runtimes = engines.runtime or (own_runtime(named, engines.device),)
    device = engines.device or usual_device(runtimes)
    threads = engines.threads or (available_cores(),)
    return replace(engines, runtime=runtimes, device=device, threads=threads), device


def _check_together(
    models: Sequence[str],
    baseline: str | None,
    points: OperatingPoints,
    engines: Engines,
    questions: Questions,
    limits: Limits,
) -> None:
    """Raise InputError where groups, each sound by itself, contradict each other."""
    named, dev, other = Parameter("models"), Parameter("dev"), Parameter("baseline")
    if models and engines.precision != ("fp32",):
        raise InputError(
            "{} is of graphs that bench builds without {}, and a model that is named has its own; name the files of "
            "each precision (prune-export --precision).",
            *(Parameter("precision", engines.precision), named),
        )
    if points.lengths and not models:
        raise InputError(
            "{} needs a tokenizer, and without {} there is none; give one.", Parameter("lengths"), named
        )
    if baseline and not models:
        raise InputError("{} names what to compare with, but no {} to compare; give one.", other, named)
    if questions.dev and not models:
        raise InputError("{} measures accuracy, and without {} all weights are random; give one.", dev, named)
    for name, limit in limits.losses.items():
        if limit is not None and not (questions.dev and baseline):
            raise InputError(
                "{} needs {} for the questions, and {} for the model that was pruned: the unpruned twin has random "
                "weights and no F1.",
                *(Parameter(name), dev, other),
            )


def _loads(
    opened: Iterator[Models],
    points: OperatingPoints,
    effort: Effort,
    progress: Report,
    shortened: list[str],
) -> Iterator[tuple[Models, list[dict[Role, Load]]]]:
    """Which models are compared, and what both are asked for, operating point by operating point.

    What the time allows less of than is usual is told in `shortened`.

    Where lengths are unequal, what arranging them brings is measured as well: a candidate against itself.
    """
    seen = set()
    for models in opened:
        if not points.lengths:
            yield models, [dict.fromkeys(ROLES, workload) for workload in points.workloads]
            continue
        from bench.traffic import affordable, arrangements, read_lengths  # loads onnx

        candidate = models["candidate"]
        lengths = read_lengths(candidate, points.lengths)
        if effort.firm:
            progress(f"trying how long a window takes {models['baseline'].name}", 0, 1)
            asked = affordable(lengths, models["baseline"].engine, effort)
            if asked < len(lengths):
                shortened.append(
                    f"{asked} of {len(lengths)} questions were served: --max-time {effort.seconds:g} allows no more."
                )
            lengths = lengths[:asked]
        ways = arrangements(lengths, max(points.batch))
        yield models, [dict.fromkeys(ROLES, way) for way in ways]
        if candidate not in seen:
            seen.add(candidate)
            yield (
                dict.fromkeys(ROLES, candidate),
                [{"baseline": ways[0], "candidate": way} for way in ways[1:]],
            )


def _timed(
    todo: Sequence[tuple[Models, list[dict[Role, Load]]]], effort: Effort, progress: Report
) -> tuple[list[list[Point]], Disturbance]:
    """What was found of each pair at each operating point, and what else went on meanwhile."""
    watch, own_seconds, found = Watch(), list[float | None](), []
    for number, (models, loads) in enumerate(todo, 1):
        candidate, baseline = models["candidate"], models["baseline"]
        peaks = {role: _peak(model) for role, model in models.items()}
        stage = _stage(candidate, len(loads), effort, f"{number} of {len(todo)}")
        measured = measure(candidate.engine, baseline.engine, loads, effort, partial(progress, stage))
        own_seconds.append(measured.cpu_seconds)
        samples = zip(loads, measured.samples, strict=True)
        found.append([summarize(load, each, models, peaks) for load, each in samples])
    return found, watch.disturbance(total_seconds(own_seconds))


def _stage(candidate: Model, points: int, effort: Effort, which: str) -> str:
    """What is measured, and how long that will take, as far as it can be known before the first call."""
    engine = candidate.engine
    where = "1 operating point" if points == 1 else f"{points} operating points"
    most = f"{'within' if effort.firm else 'about'} {duration(points * effort.seconds)}"
    return (
        f"timing {which}, {candidate.name}, {engine.runtime}, {candidate.precision}, {engine.threads} threads: "
        f"{where}, {most}{'' if effort.firm else ', more where calls are slow'}"
    )


def _peak(model: Model) -> float | None:
    engine = model.engine
    return matmul_peak(model.precision, engine.threads) if engine.device == "cpu" else None


def _accuracies(task: ReadingName, exam: Exam[Any], progress: Report) -> Callable[[Models], Accuracy | None]:
    """Gives the accuracy of a pair of models; each trained one is asked once. For when all timing is over."""

    @cache
    def answers_of(model: Model) -> Any:
        return ask(model, exam, partial(progress, f"asking {model.name}"))

    def accuracy_of(models: Models) -> Accuracy:
        answers = {role: answers_of(model) for role, model in models.items() if model.weights == "trained"}
        return score(task, exam, models, answers)

    return accuracy_of
