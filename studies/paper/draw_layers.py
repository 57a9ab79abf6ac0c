"""Fig. 2: what remains of each layer at each operating point."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from studies.paper.plot_style import KIND_NAMES, POINT_MARKS
from studies.paper.points import LayerNumbers


def draw_layers(cuts: Sequence[LayerNumbers]) -> Figure:
    """Heads on the left, feed-forward activations on the right."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _panel(left, "heads", [(cut, cut.heads) for cut in cuts])
    _panel(right, "ffn", [(cut, cut.ffn) for cut in cuts])
    left.set_ylabel("Kept (% of the layer)")
    left.set_ylim(0, 103)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(cuts))
    return figure


def _panel(axes: Axes, kind: str, kept: Sequence[tuple[LayerNumbers, Sequence[float]]]) -> None:
    for index, (cut, percents) in enumerate(kept):
        layers = range(1, len(percents) + 1)
        axes.plot(layers, percents, label=_label(cut), **POINT_MARKS[index % len(POINT_MARKS)].style())
    axes.set_title(KIND_NAMES[kind])
    axes.set_xlabel("Layer (1: next to the embeddings)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _label(cut: LayerNumbers) -> str:
    if cut.multiples is None:
        return cut.name
    heads, ffn = cut.multiples
    return f"operating point ({heads}, {ffn})"
