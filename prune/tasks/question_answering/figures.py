"""What two models score on the same questions, measure by measure: first as they are served, whatever the task."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from prune.tasks.question_answering.refusal import Bools, Choices, Floats
from prune.tasks.question_answering.significance import (
    Interval,
    paired_bootstrap,
    paired_ratio_bootstrap,
    warning,
)

Way = Literal["as served", "at the best threshold", "none refused"]

MOVED = 5.0
"""Points by which the share refused may differ before it is named."""

F1, HAS_ANSWER_F1, NO_ANSWER, REFUSED = "F1", "has-answer F1", "no-answer accuracy", "share refused"


@dataclass(frozen=True)
class Figure:
    """One measure of both models, in percent, with the paired 95 % interval of its change in points."""

    measure: str
    of: str
    """Which answers, where a task has several kinds of them; else empty."""
    way: Way
    before: float
    after: float
    change: Interval
    questions: int
    """So many it is a mean, or a ratio, over."""

    @property
    def name(self) -> str:
        """In words."""
        return figure_name(self.measure, self.of, self.way)


def figure_name(measure: str, of: str, way: Way) -> str:
    """What a figure of that kind is called; see `Figure`."""
    return f"{measure}{f' of {of}' if of else ''}{_JOINT[way]}{way}"


_JOINT: dict[Way, str] = {"as served": " ", "at the best threshold": " ", "none refused": ", "}


@dataclass(frozen=True)
class Floor:
    """What refusing every question scores, in percent of F1, and how much more the models do as served."""

    f1: float
    before: Interval
    after: Interval


@dataclass(frozen=True)
class Comparison:
    """Before and after. What they score as served comes first among the figures."""

    figures: tuple[Figure, ...]
    floor: Floor
    fitted: bool
    """Whether thresholds were fitted, each on other questions than it judges; else they are those that came."""
    null_threshold: float | None
    """What the model after should be served with; None where there is nothing to learn refusing from."""
    before: Any
    """The task's own figures of each model, question by question, to be paired with any other model's."""
    after: Any

    @property
    def f1_loss(self) -> float:
        """Points of F1 as served that the model after has less, of the kind of answers that loses more."""
        return max(-figure.change.mean_difference for figure in served(self.figures, F1))

    @property
    def has_answer_f1_loss(self) -> float:
        """The same over the questions that have an answer; 0 where there are none."""
        losses = (-figure.change.mean_difference for figure in served(self.figures, HAS_ANSWER_F1))
        return max(losses, default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = [figure.name for figure in self.figures]
        plain = asdict(self)
        for figure, name in zip(plain["figures"], names, strict=True):
            figure["name"] = name
        return plain | {"warnings": list(warnings(self))}


def served(figures: tuple[Figure, ...], measure: str) -> list[Figure]:
    """The figures of that measure as served, one for each kind of answers."""
    return [figure for figure in figures if (figure.measure, figure.way) == (measure, "as served")]


def figures_of(
    choices: tuple[Choices, Choices],
    refused: tuple[Bools, Bools],
    best: tuple[float, float],
    of: str = "",
    exact: tuple[Choices, Choices] | None = None,
) -> Iterator[Figure]:
    """All figures of (before, after): `refused` as served, `best` the thresholds with the best F1 of each.

    `exact` are the same choices with exact match in place of F1.
    """
    has_answer = choices[0].has_answer
    everything = np.full(len(has_answer), True)
    best_refused = tuple(each.refused_at(at) for each, at in zip(choices, best, strict=True))
    none = tuple(np.full(len(has_answer), False) for _ in choices)

    def figure(measure: str, way: Way, chosen: Bools, before: _Ratio, after: _Ratio) -> Iterator[Figure]:
        if chosen.any():
            yield _figure(measure, of, way, chosen, before, after)

    def ratios(each: tuple[Choices, ...], at: tuple[Bools, ...]) -> list[_Ratio]:
        return [one.ratio(mask) for one, mask in zip(each, at, strict=True)]

    silent = [_mean(one.silent(mask)) for one, mask in zip(choices, refused, strict=True)]
    as_served = ratios(choices, refused)
    yield from figure(F1, "as served", everything, *as_served)
    yield from figure(HAS_ANSWER_F1, "as served", has_answer, *as_served)
    yield from figure(NO_ANSWER, "as served", ~has_answer, *silent)
    yield from figure(REFUSED, "as served", everything, *silent)
    if exact:
        yield from figure("exact match", "as served", everything, *ratios(exact, refused))
    yield from figure(F1, "at the best threshold", everything, *ratios(choices, best_refused))
    yield from figure(HAS_ANSWER_F1, "none refused", has_answer, *ratios(choices, none))


def floor_of(choices: tuple[Choices, Choices], refused: tuple[Bools, Bools]) -> Floor:
    """What refusing everything scores, and how much more the two models do as served."""
    parts, wholes = choices[0].refused_parts, choices[0].refused_wholes
    before, after = (
        _interval(one.ratio(mask), (parts, wholes)) for one, mask in zip(choices, refused, strict=True)
    )
    return Floor(_percent(parts, wholes), before, after)


def warnings(
    compared: Comparison, before: str = "the model as it came", after: str = "the model as it became"
) -> Iterator[str]:
    """What voids the figures, or most of them, one sentence each, the worst first."""
    for figure in compared.figures:
        if figure.way == "none refused" and 2 * figure.after < figure.before:
            yield (
                f"{_capital(after)} is destroyed: on the {figure.questions} questions that have an answer"
                f"{f' ({figure.of})' if figure.of else ''}, none refused, it scores {figure.after:.1f} of F1, and "
                f"{before} {figure.before:.1f}. Cut less, or train on after the cut."
            )
    floor = compared.floor
    for name, above in ((after, floor.after), (before, floor.before)):
        if above.low <= 0:
            yield (
                f"As served {name} is no better than refusing every question, which scores {floor.f1:.1f} of F1: it "
                f"has {floor.f1 + above.mean_difference:.1f} ({above.mean_difference:+.1f}, 95 % interval "
                f"{above.low:+.1f} to {above.high:+.1f})."
            )
    for figure in served(compared.figures, REFUSED):
        if abs(figure.change.mean_difference) > MOVED:
            yield (
                f"As served {after} refuses {figure.after:.1f} % of the questions"
                f"{f' ({figure.of})' if figure.of else ''}, and {before} {figure.before:.1f} %: F1 over all questions "
                "mixes right answers and right refusals, so judge by has-answer F1 and no-answer accuracy."
            )
    few = warning(max(figure.questions for figure in compared.figures))
    if few:
        yield few


_Ratio = tuple[Floats, Floats]


def _figure(measure: str, of: str, way: Way, chosen: Bools, before: _Ratio, after: _Ratio) -> Figure:
    first, second = ((parts[chosen], wholes[chosen]) for parts, wholes in (before, after))
    return Figure(
        measure, of, way, _percent(*first), _percent(*second), _interval(second, first), int(chosen.sum())
    )


def _interval(first: _Ratio, second: _Ratio) -> Interval:
    """`first` less `second`, in points."""
    if (first[1] == 1).all() and (second[1] == 1).all():  # means: the same, sooner
        return paired_bootstrap(100 * first[0], 100 * second[0])
    return paired_ratio_bootstrap(100 * first[0], first[1], 100 * second[0], second[1])


def _percent(parts: Floats, wholes: Floats) -> float:
    whole = float(wholes.sum())
    return 100 * float(parts.sum()) / whole if whole else 0.0


def _mean(flags: Bools) -> _Ratio:
    return flags.astype(np.float64), np.ones(len(flags))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
