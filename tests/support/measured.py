"""What was measured of a tiny model and of its cut, with samples of which every figure is known."""

from dataclasses import replace
from typing import Any

from support.plain_result import PLACE

from bench.accuracy import Accuracy, Metric
from bench.graphs import Form
from bench.measure.environment import Disturbance
from bench.measure.turns import ORDERS, Block, Launch, Samples, Start
from bench.models import Model
from bench.result.comparison import Comparison
from bench.result.limits import check_limits
from bench.result.model import MeasuredModel
from bench.result.notes import with_notes
from bench.result.result import Result
from bench.result.summary import summarize
from bench.workload import Effort, Role, Tested, Turn, Workload
from export.runtimes.engine_spec import EngineSpec
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from prune.tasks.question_answering.significance import Interval

CALM = Disturbance(0.01, 0.0, 0, 0.0)


def turn(*seconds: float, clients: int = 1) -> Turn:
    """One turn of an engine that so many call."""
    return Turn(seconds, sum(seconds) / clients, clients)


def launch(order: tuple[Role, ...], baseline: list[Turn], candidate: list[Turn], load: float) -> Launch:
    """Three blocks of the same turns; the baseline took `load` seconds to load."""
    starts: dict[Role, Start] = {"baseline": Start(load, 0.9, 4_000_000), "candidate": Start(0.1, 0.3, None)}
    block = Block(order[0], {"baseline": baseline, "candidate": candidate})
    return Launch([block] * 3, starts)


SAMPLES = Samples(
    2,
    [
        launch(ORDERS[0], [turn(0.4, 0.5), turn(0.45)], [turn(0.2), turn(0.2)], 1.0),
        launch(ORDERS[1], [turn(0.44), turn(0.44)], [turn(0.2, 0.2), turn(0.2)], 2.0),
    ],
)


def both_models(encoder: Encoder, whole: ModelShape, cut: ModelShape) -> dict[Role, Model]:
    """A cut model and its unpruned twin."""
    engine = EngineSpec("onnxruntime", "cpu", 2, encoder, cut, None)
    candidate = Model("out.onnx", engine, whole, Form("onnxruntime"), "trained", None)
    twin = replace(candidate, name="twin", engine=replace(engine, shape=whole), weights="random")
    return {"baseline": twin, "candidate": candidate}


def accuracy(
    loss: float, low: float = -9.0, *, without: tuple[Role, ...] = (), paired: bool = True
) -> Accuracy:
    """Of the candidate 71.25 % and, where `paired`, of the baseline `loss` points more."""
    change = Interval(-loss, low, 1.0) if paired else None
    values: dict[Role, float] = {"candidate": 71.25} | ({"baseline": 71.25 + loss} if paired else {})
    other = Interval(-50.0, -60.0, -40.0) if paired else None
    metrics = [
        Metric("F1 as served", values, change),
        Metric("has-answer F1 as served", values, other),
        Metric("F1 at the best threshold", values),
    ]
    return Accuracy("squad", 10, metrics, without)


def compared(encoder: Encoder, whole: ModelShape, cut: ModelShape) -> Comparison:
    """Both models at one operating point."""
    both = both_models(encoder, whole, cut)
    workload = Workload(2, 16)
    loads: dict[Role, Workload] = {"baseline": workload, "candidate": workload}
    peaks: dict[Role, float | None] = {"baseline": 1e9, "candidate": None}
    measured = {role: MeasuredModel.of(model) for role, model in both.items()}
    return Comparison(measured, [summarize(loads, SAMPLES, both, peaks)], None)


def result_of(
    comparison: Comparison,
    *,
    min_speedup: float | None = None,
    tested: Tested = "estimate",
    **changes: Any,
) -> Result:
    """A result of one comparison; `changes`: what of it is not as usual here."""
    limits = check_limits([comparison], min_speedup, None, tested)
    plain = Result("bench out.onnx", PLACE, CALM, Effort(2, 3, 0.5, aim=1.0), [comparison], limits)
    return with_notes(replace(plain, **changes))
