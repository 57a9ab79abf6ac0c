"""Fig. 1: what each method costs as more is removed; below, what lies between the methods."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from studies.paper.methods import PAIRS, MethodNumbers
from studies.paper.plot_style import KIND_NAMES, METHOD_MARKS, METHOD_NAMES, bars, caption, zero_line


def draw_methods(kinds: Sequence[MethodNumbers]) -> Figure:
    """One column for each kind of units."""
    figure = Figure(figsize=(1 + 4 * len(kinds), 6.2), layout="constrained")
    rows = figure.subplots(2, len(kinds), squeeze=False, sharex=True, sharey="row", height_ratios=(5, 3))
    for column, numbers in enumerate(kinds):
        _curves(rows[0][column], numbers)
        _differences(rows[1][column], numbers)
        rows[0][column].set_title(KIND_NAMES[numbers.kind])
        rows[1][column].set_xlabel(f"{KIND_NAMES[numbers.kind]} removed (%)")
    rows[0][0].set_ylabel("F1 over questions with an answer (%)")
    rows[1][0].set_ylabel("Difference (points of F1)")
    rows[0][0].legend(*_labelled(rows[0]), loc="best")
    if any(numbers.differences for numbers in kinds):
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0, "ncols": len(PAIRS)}
        rows[1][0].legend(*_labelled(rows[1]), **above)
    caption(figure, _caption(kinds))
    return figure


def _labelled(row: Sequence[Axes]) -> tuple[list[Artist], list[str]]:
    """(handles, labels) of what stands in any panel, each once: a study under way has some in one alone."""
    found: dict[str, Artist] = {}
    for axes in row:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _curves(axes: Axes, numbers: MethodNumbers) -> None:
    for method in reversed(list(numbers.curves)):
        points = numbers.curves[method]
        scores = [numbers.uncut, *(point.score for point in points)]
        axes.errorbar(
            [0.0, *(point.removed for point in points)],
            [score.value for score in scores],
            yerr=bars(scores),
            label=METHOD_NAMES[method],
            **METHOD_MARKS[method].style(),
        )
    axes.set_ylim(bottom=0)


def _differences(axes: Axes, numbers: MethodNumbers) -> None:
    zero_line(axes)
    for better, worse in PAIRS:
        found = [each for each in numbers.differences if (each.better, each.worse) == (better, worse)]
        if found:
            axes.errorbar(
                [each.percent for each in found],
                [each.score.value for each in found],
                yerr=bars([each.score for each in found]),
                label=f"{METHOD_NAMES[better]} less {METHOD_NAMES[worse]}",
                **METHOD_MARKS[better].style(),
            )


def _caption(kinds: Sequence[MethodNumbers]) -> str:
    seeds = max(
        len(point.seeds) for numbers in kinds for points in numbers.curves.values() for point in points
    )
    return (
        "No training after the cut; no question refused. "
        f"{kinds[0].questions} questions; {'one seed' if seeds == 1 else f'means of up to {seeds} seeds'}. "
        "Bars: 95 % intervals over the questions; of differences, paired by question."
    )
