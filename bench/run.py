"""A request, carried out: models opened, pairs timed, accuracy measured, limits checked."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from bench.accuracy import Accuracy, check_accuracy, measure_accuracy
from bench.environment import environment
from bench.inputs import check_length
from bench.measure import measure
from bench.models import Model, Opener
from bench.request import Request
from bench.result import Comparison, Result, check_gates, summarize
from bench.runners import runner
from bench.spec import BERT_BASE, Role
from prune.arch import Encoder
from prune.qa.questions import Question
from prune.qa.squad import read_squad

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, how much of it is done, how much there is)."""


def run(request: Request, scratch: Path, progress: Progress) -> Result:
    """Carry out `request`; files built on the way go into `scratch`.

    Whatever can be refused is refused before the first minute is spent on measuring. Raises InputError for
    what the user can mend, WorkerDiedError where an engine's process ends by itself.
    """
    runner(request.runtime).check(request.device)
    place = environment(gpu=request.device != "cpu")
    questions = read_squad(request.dev) if request.dev else []
    progress("opening models", 0, 1)
    comparisons = []
    for models in _pairs(request, Opener(request.runtime, request.device, request.threads, scratch)):
        candidate, baseline = models["candidate"], models["baseline"]
        timing = partial(progress, f"timing {candidate.name}")
        samples = measure(candidate.engine, baseline.engine, request.workloads, request.effort, timing)
        points = [
            summarize(workload, launches, models)
            for workload, launches in zip(request.workloads, samples, strict=True)
        ]
        comparisons.append(Comparison(models, points, {}))
    if questions:
        _add_accuracy(comparisons, questions, progress)
    return Result(
        environment=place,
        runtime=request.runtime,
        device=request.device,
        threads=request.threads,
        effort=request.effort,
        comparisons=comparisons,
        gates=check_gates(comparisons, request.min_speedup, request.max_f1_loss),
    )


def _pairs(request: Request, opener: Opener) -> list[dict[Role, Model]]:
    """Candidates with their baselines, all of them fit for what is asked of them."""
    if not request.models:
        _check_lengths(BERT_BASE, request)
        candidate, baseline = opener.paper_pair()
        return [{"baseline": baseline, "candidate": candidate}]
    candidates = [opener.open(name) for name in request.models]
    dialects = dict.fromkeys(map(_dialect, candidates)) if request.baseline else {}
    baselines = {dialect: opener.open(str(request.baseline), dialect=dialect) for dialect in dialects}
    for model in (*candidates, *baselines.values()):
        _check_lengths(model.engine.encoder, request)
        if request.dev:
            check_accuracy(model)
    return [
        {"baseline": baseline, "candidate": candidate}
        for candidate in candidates
        for baseline in ([baselines[_dialect(candidate)]] if baselines else _twins(candidate, opener))
    ]


def _twins(candidate: Model, opener: Opener) -> list[Model]:
    """The unpruned twin in the same precision and, where that is not fp32, the one in fp32 as well."""
    twins = [opener.unpruned_twin(candidate)]
    return twins if candidate.precision == "fp32" else [*twins, opener.unpruned_twin(candidate, in_fp32=True)]


def _dialect(candidate: Model) -> str | None:
    """What a baseline from a directory, which is in fp32, is written in: as its rival, or what is best there."""
    return candidate.dialect if candidate.precision == "fp32" else None


def _check_lengths(encoder: Encoder, request: Request) -> None:
    for workload in request.workloads:
        check_length(encoder, workload.seq)


def _add_accuracy(comparisons: list[Comparison], questions: Sequence[Question], progress: Progress) -> None:
    """Measure each trained model once, when all timing is over."""

    @cache
    def accuracy_of(model: Model) -> Accuracy:
        return measure_accuracy(model, questions, partial(progress, f"F1 of {model.name}"))

    for comparison in comparisons:
        for role, model in comparison.models.items():
            if model.weights == "trained":
                comparison.accuracy[role] = accuracy_of(model)
