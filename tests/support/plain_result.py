"""Results of bench, from samples that make every figure known in closed form."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.accuracy import Accuracy, Metric
from bench.graphs import Form
from bench.measure.environment import Disturbance, Environment
from bench.measure.turns import Block, Launch, Samples, Start
from bench.models import Model
from bench.result.comparison import Comparison
from bench.result.limits import check_limits
from bench.result.model import MeasuredModel
from bench.result.notes import with_notes
from bench.result.result import Result
from bench.result.summary import summarize
from bench.workload import (
    BERT_BASE,
    BERT_BASE_SHAPE,
    PAPER_SHAPE,
    Effort,
    Load,
    Role,
    Turn,
    Workload,
)
from export.runtimes.engine_spec import EngineSpec
from prune.tasks.question_answering.significance import Interval

CANDIDATE_SECONDS = 0.125
PLACE = Environment(
    date="2026-01-01T00:00:00+00:00",
    cpu="Some CPU",
    cores=2,
    processors=2,
    cpu_flags=("avx2", "fma"),
    governor=None,
    memory_bytes=2**34,
    load_average=0.1,
    gpu=None,
    system="Linux",
    python="3.11.0",
    packages={"onnxruntime": "1.0"},
)


def made_result(
    *launches: Sequence[float],
    pilot: int | None = None,
    name: str = "out.onnx",
    baseline: str = "twin",
    loads: Sequence[Load] = (Workload(2, 16),),
    clients: int = 1,
    threads: int = 2,
    sha256: str | None = "ab" * 32,
    f1: tuple[float, float] | None = None,
    min_speedup: float | None = None,
    **place: Any,
) -> Result:
    """A result whose blocks have the log ratios `launches`, at every load; the candidate's calls take 1/8 s.

    `f1`: of baseline and candidate, in percent. `place`: what of the environment is not as in PLACE.
    """
    samples = Samples(pilot or len(launches), [_launch(ratios, clients) for ratios in launches])
    engine = EngineSpec("onnxruntime", "cpu", threads, BERT_BASE, PAPER_SHAPE, None, clients)
    candidate = Model(
        name, engine, BERT_BASE_SHAPE, Form("onnxruntime"), "trained", None, file_bytes=1000, sha256=sha256
    )
    whole = replace(engine, shape=BERT_BASE_SHAPE)
    twin = replace(candidate, name=baseline, engine=whole, weights="random", sha256=None)
    models: dict[Role, Model] = {"baseline": twin, "candidate": candidate}
    points = [summarize({"baseline": load, "candidate": load}, samples, models) for load in loads]
    measured = {role: MeasuredModel.of(model) for role, model in models.items()}
    comparison = Comparison(measured, points, f1 and _accuracy(*f1))
    result = Result(
        "bench out.onnx",
        replace(PLACE, **place),
        Disturbance(0.0, 0.0, 0, 0.0),
        Effort(),
        [comparison],
        check_limits([comparison], min_speedup, None),
    )
    return with_notes(result)


def plain_result(*launches: Sequence[float], **changes: Any) -> dict[str, Any]:
    """The same as `bench --json` writes it, for tests that change something in it."""
    found: dict[str, Any] = json.loads(json.dumps(made_result(*launches, **changes).to_dict()))
    return found


def _launch(log_ratios: Sequence[float], clients: int) -> Launch:
    candidate = Turn((CANDIDATE_SECONDS,) * clients, CANDIDATE_SECONDS, clients)
    blocks = []
    for log_ratio in log_ratios:
        seconds = CANDIDATE_SECONDS * math.exp(log_ratio)
        blocks.append(
            Block(
                "baseline",
                {
                    "baseline": [Turn((seconds,) * clients, seconds, clients)] * 2,
                    "candidate": [candidate] * 2,
                },
            )
        )
    return Launch(blocks, {"baseline": Start(0.5, 0.25, 2048), "candidate": Start(0.25, 0.125, None)})


def _accuracy(baseline: float, candidate: float) -> Accuracy:
    change = Interval(candidate - baseline, candidate - baseline - 1, candidate - baseline + 1)
    values: dict[Role, float] = {"baseline": baseline, "candidate": candidate}
    floor = Metric("F1 of refusing every question", values)
    return Accuracy("squad", 100, [Metric("F1 as served", values, change), floor], ())
