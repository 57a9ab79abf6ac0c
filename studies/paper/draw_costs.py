"""Fig. 3: accuracy against parameters, against multiply-adds, and against measured time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studies.paper.names import TRAININGS
from studies.paper.plot_style import (
    AS_IT_CAME_MARK,
    TRAINING_MARKS,
    TRAINING_NAMES,
    WHOLE_MARK,
    YARDSTICK_MARKS,
    Mark,
    bars,
    caption,
)
from studies.paper.points import SEQ, ModelNumbers
from studies.paper.scores import Estimate
from studies.paper.study_result import MEASURES

_LABELS = {
    "f1": "F1 (%)",
    "has_answer_f1": "F1 over questions with\nan answer (%)",
    "long_f1": "F1 of long answers (%)",
    "short_f1": "F1 of short answers (%)",
}


@dataclass(frozen=True)
class _Series:
    """Models that are drawn alike and joined."""

    label: str
    mark: Mark
    models: tuple[ModelNumbers, ...]


@dataclass(frozen=True)
class _Scale:
    """What accuracy is drawn against."""

    label: str
    of: Callable[[ModelNumbers], Estimate | None]
    """None where it is not known of the model."""


def draw_costs(models: Sequence[ModelNumbers]) -> Figure | None:
    """One row for each measure of accuracy, one column for each cost that is known; None where none is."""
    scales = [scale for scale in _scales(models) if any(scale.of(model) for model in models)]
    measures = [measure for measure in MEASURES if any(measure in model.scores for model in models)]
    if not scales:
        return None
    figure = Figure(figsize=(1 + 3.4 * len(scales), 1.4 + 2.9 * len(measures)), layout="constrained")
    rows = figure.subplots(len(measures), len(scales), squeeze=False, sharex="col", sharey="row")
    series = list(_series(models))
    for measure, row in zip(measures, rows, strict=True):
        row[0].set_ylabel(_LABELS[measure])
        for scale, axes in zip(scales, row, strict=True):
            _level(axes, models, measure)
            for one in series:
                _draw(axes, one, scale, measure, _width(scale, models) * one.mark.shift / 100)
    for scale, axes in zip(scales, rows[-1], strict=True):
        axes.set_xlabel(scale.label)
    handles, labels = rows[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(scales))
    caption(
        figure,
        "Upright bars: paired 95 % interval of the difference from the unpruned model trained as long. "
        "Numbers: operating points, named after the multiple of λ* in the paper. What stands at one place is "
        "drawn side by side.",
    )
    return figure


def _series(models: Sequence[ModelNumbers]) -> Iterator[_Series]:
    def those(role: str, *trainings: str) -> tuple[ModelNumbers, ...]:
        return tuple(model for model in models if model.role == role and model.training in trainings)

    everything = [
        _Series("unpruned, as it came", AS_IT_CAME_MARK, those("whole", "none")),
        _Series("unpruned, trained as long", WHOLE_MARK, those("whole", "retrain")),
    ]
    for training in TRAININGS:
        label = f"pruned, {TRAINING_NAMES[training]}"
        everything.append(_Series(label, TRAINING_MARKS[training], those("pruned", training)))
    for training in TRAININGS:
        label = f"fewer layers, {TRAINING_NAMES[training]}"
        everything.append(_Series(label, YARDSTICK_MARKS[training], those("yardstick", training)))
    return (series for series in everything if series.models)


def _scales(models: Sequence[ModelNumbers]) -> Iterator[_Scale]:
    yield _Scale(
        "Parameters (millions)", lambda model: _exactly(model.cost.parameters / 1e6) if model.cost else None
    )
    yield _Scale(
        f"Multiply-adds (billions, {SEQ} tokens)",
        lambda model: _exactly(model.cost.multiply_adds / 1e9) if model.cost else None,
    )
    workloads = sorted({(speed.batch, speed.seq) for model in models for speed in model.speeds})
    if workloads:
        batch, seq = workloads[0]
        yield _Scale(
            f"Measured time (% of the unpruned model's;\nbatch {batch}, {seq} tokens)",
            lambda model: _time(model, batch, seq),
        )


def _exactly(value: float) -> Estimate:
    return Estimate(value, value, value)


def _time(model: ModelNumbers, batch: int, seq: int) -> Estimate | None:
    """In percent of the whole model's, which is what speed was measured against."""
    if model.role == "whole":
        return _exactly(100)
    for speed in model.speeds:
        if (speed.batch, speed.seq) == (batch, seq):
            return Estimate(100 / speed.estimate, 100 / speed.high, 100 / speed.low)
    return None


def _level(axes: Axes, models: Sequence[ModelNumbers], measure: str) -> None:
    """What the unpruned model that was trained as long scores."""
    for model in models:
        if model.role == "whole" and not model.against_whole and measure in model.scores:
            axes.axhline(model.scores[measure], color="0.5", linewidth=0.8, zorder=1)


def _width(scale: _Scale, models: Sequence[ModelNumbers]) -> float:
    costs = [cost.value for model in models if (cost := scale.of(model))]
    return max(costs) - min(costs)


def _draw(axes: Axes, series: _Series, scale: _Scale, measure: str, shift: float) -> None:
    drawn = [
        (cost, model.scores[measure], model)
        for model in series.models
        if (cost := scale.of(model)) and measure in model.scores
    ]
    costs, scores = [cost for cost, _, _ in drawn], [score for _, score, _ in drawn]
    axes.errorbar(
        [cost.value + shift for cost in costs],
        scores,
        xerr=bars(costs),
        yerr=bars([model.against_whole.get(measure, Estimate(0, 0, 0)) for _, _, model in drawn]),
        label=series.label,
        **series.mark.style(),
    )
    for cost, score, model in drawn:
        if model.multiples and model.training == "distill":
            heads, ffn = model.multiples
            text = f"{heads}" if heads == ffn else f"{heads}, {ffn}"
            axes.annotate(text, (cost.value, score), (7, 4), textcoords="offset points")
