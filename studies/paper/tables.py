"""The stored numbers as Markdown tables, for documentation. Numbers are put into words here and nowhere before."""

from collections.abc import Iterator, Sequence

from studies.paper.cells import POINTS
from studies.paper.format import ABSENT, Row, change, markdown, number, signed, value
from studies.paper.methods import METHODS, PAIRS, MethodNumbers
from studies.paper.names import TRAININGS, Training
from studies.paper.numbers import Numbers
from studies.paper.options import OPTION_NAMES, PLAIN, OptionNumbers
from studies.paper.plot_style import KIND_NAMES, METHOD_NAMES, TRAINING_NAMES
from studies.paper.points import SEQ, LayerNumbers, ModelNumbers
from studies.paper.published import PUBLISHED, Published
from studies.paper.scores import Estimate
from studies.paper.study_result import MEASURES

_WHOLE_TRAINING: dict[Training, str] = {"none": "as it came", "retrain": "trained as long"}


def tables_of(numbers: Numbers) -> str:
    """All tables that there are numbers for, each under what it shows; intervals of 95 % in brackets."""
    measures = [measure for measure in MEASURES if any(measure in one.scores for one in numbers.models)]
    parts: list[str] = []
    if numbers.models:
        parts += _models(numbers.models, measures)
    for measure in measures:
        if measure in PUBLISHED:
            parts += _beside_the_paper(numbers.models, measure)
    parts += _against(
        "Points more than the model with fewer layers that went on the same way.",
        [(model, model.against_yardstick) for model in numbers.models],
        measures,
    )
    parts += _against(
        "Points more than the same cut trained as long on the annotated answers alone.",
        [(model, model.against_retrained) for model in numbers.models],
        measures,
    )
    for kind in numbers.methods:
        parts += _methods(kind)
    if numbers.options:
        parts += _options(numbers.options, [each for each in MEASURES if each in numbers.options[0].scores])
    if numbers.layers:
        parts += _layers(numbers.layers)
    return "\n\n".join(parts)


def _models(models: Sequence[ModelNumbers], measures: Sequence[str]) -> Iterator[str]:
    workloads = sorted({(speed.batch, speed.seq) for model in models for speed in model.speeds})
    yield (
        "Operating points. Against unpruned: points more than the unpruned model that was trained as long. "
        f"Multiply-adds: of {SEQ} tokens."
    )
    yield markdown(
        [
            "model",
            "heads / activations removed (%)",
            "training",
            *(f"{MEASURES[measure]} (%)" for measure in measures),
            *(f"{MEASURES[measure]} against unpruned" for measure in measures),
            "parameters (millions)",
            "multiply-adds, times fewer",
            *(f"speed-up, batch {batch}, {seq} tokens" for batch, seq in workloads),
        ],
        [
            [
                _name(model),
                _removed(model),
                _training(model),
                *(number(model.scores.get(measure), 1) for measure in measures),
                *(change(model.against_whole.get(measure)) for measure in measures),
                number(model.cost.parameters / 1e6 if model.cost else None, 1),
                _fewer(model),
                *(_speedup(model, batch, seq) for batch, seq in workloads),
            ]
            for model in models
        ],
    )


def _beside_the_paper(models: Sequence[ModelNumbers], measure: str) -> Iterator[str]:
    """For each point that both have two rows, ours and the paper's."""
    rows: list[Row] = []
    for point in POINTS:
        ours = {model.training: model for model in models if model.multiples == (point, point)}
        if ours:
            rows += [_our_row(point, ours, measure), _their_row(point, PUBLISHED[measure])]
    if rows:
        yield (
            f"Beside the paper (BERT-large): points of {MEASURES[measure]} more than the unpruned model has, "
            "here than the one that was trained as long."
        )
        trainings = [TRAINING_NAMES[training] for training in TRAININGS]
        yield markdown(
            [
                "operating point",
                "heads / activations removed (%)",
                *trainings,
                "multiply-adds, times fewer",
                "speed-up",
            ],
            rows,
        )


def _our_row(point: int, ours: dict[Training, ModelNumbers], measure: str) -> Row:
    some = next(iter(ours.values()))
    speed = some.speeds[0].estimate if some.speeds else None
    changes = [
        change(ours[each].against_whole.get(measure)) if each in ours else ABSENT for each in TRAININGS
    ]
    return [f"({point}, {point}), here", _removed(some), *changes, _fewer(some), number(speed, 2)]


def _their_row(point: int, paper: Published) -> Row:
    heads, ffn = POINTS[point]
    scores = [paper.points.get((point, training)) for training in TRAININGS]
    changes = [ABSENT if score is None else signed(score - paper.unpruned) for score in scores]
    speedup = number(paper.speedups.get(point), 2)
    return [f"({point}, {point}), paper", f"{100 * heads:.1f} / {100 * ffn:.1f}", *changes, ABSENT, speedup]


def _against(
    title: str, changes: Sequence[tuple[ModelNumbers, dict[str, Estimate]]], measures: Sequence[str]
) -> Iterator[str]:
    """A row for each model of which there is a difference."""
    rows = [
        [
            _name(model),
            _training(model),
            _fewer(model),
            *(change(against.get(measure)) for measure in measures),
        ]
        for model, against in changes
        if against
    ]
    if rows:
        yield title
        names = [MEASURES[measure] for measure in measures]
        yield markdown(["model", "training", "multiply-adds, times fewer", *names], rows)


def _methods(numbers: MethodNumbers) -> Iterator[str]:
    scores = {
        (method, point.percent): point.score for method in METHODS for point in numbers.curves.get(method, ())
    }
    changes = {(each.better, each.worse, each.percent): each.score for each in numbers.differences}
    yield (
        f"{KIND_NAMES[numbers.kind]}: {MEASURES[numbers.measure]} (%) by what decides, with no training after the "
        f"cut; {numbers.questions} questions, {numbers.uncut.value:.1f} uncut."
    )
    yield markdown(
        [
            "removed (%)",
            *(METHOD_NAMES[method] for method in METHODS),
            *(f"{METHOD_NAMES[better]} less {METHOD_NAMES[worse]}" for better, worse in PAIRS),
        ],
        [
            [
                f"{percent}",
                *(value(scores.get((method, percent))) for method in METHODS),
                *(change(changes.get((*pair, percent))) for pair in PAIRS),
            ]
            for percent in sorted({percent for _, percent in scores})
        ],
    )


def _options(options: Sequence[OptionNumbers], measures: Sequence[str]) -> Iterator[str]:
    yield f"Beyond the paper, on a short training; changes against {OPTION_NAMES[PLAIN]} alone."
    rows = [
        [
            OPTION_NAMES[option.name],
            f"{option.removed[0]:.1f} / {option.removed[1]:.1f}",
            *(number(option.scores.get(measure), 1) for measure in measures),
            *(change(option.against_plain.get(measure)) for measure in measures),
        ]
        for option in options
    ]
    names = [MEASURES[measure] for measure in measures]
    yield markdown(
        [
            "learned from",
            "heads / activations removed (%)",
            *(f"{name} (%)" for name in names),
            *(f"{name}, change" for name in names),
        ],
        rows,
    )


def _layers(cuts: Sequence[LayerNumbers]) -> Iterator[str]:
    yield "Kept, in percent of each layer; layer 1 is next to the embeddings."
    layers = range(1, 1 + max(len(cut.heads) for cut in cuts))
    rows = [
        [_label(cut), unit, *(f"{percent:.0f}" for percent in kept)]
        for cut in cuts
        for unit, kept in (("heads", cut.heads), ("activations", cut.ffn))
    ]
    yield markdown(["model", "units", *map(str, layers)], rows)


def _name(model: ModelNumbers) -> str:
    return {"whole": "unpruned", "pruned": _label(model), "yardstick": "fewer layers"}[model.role]


def _label(cut: ModelNumbers | LayerNumbers) -> str:
    return f"({cut.multiples[0]}, {cut.multiples[1]})" if cut.multiples else cut.name


def _training(model: ModelNumbers) -> str:
    return (_WHOLE_TRAINING if model.role == "whole" else TRAINING_NAMES)[model.training]


def _removed(model: ModelNumbers) -> str:
    return f"{model.removed[0]:.1f} / {model.removed[1]:.1f}" if model.removed else ABSENT


def _fewer(model: ModelNumbers) -> str:
    return number(model.cost.multiply_adds_fewer if model.cost else None, 2)


def _speedup(model: ModelNumbers, batch: int, seq: int) -> str:
    for speed in model.speeds:
        if (speed.batch, speed.seq) == (batch, seq):
            return f"{speed.estimate:.2f} [{speed.low:.2f}, {speed.high:.2f}]"
    return ABSENT
