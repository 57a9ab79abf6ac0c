"""How what is drawn looks: colours that the colour-blind tell apart, and a marker and a dash for print in grey."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studies.paper.cells import Method
from studies.paper.names import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from studies.paper.scores import Estimate

KIND_NAMES = {"heads": "Attention heads", "ffn": "Feed-forward activations"}

METHOD_NAMES: dict[Method, str] = {"l0": "L0 gates", "gain": "gain", "random": "random"}

TRAINING_NAMES: dict[Training, str] = {
    "none": "not trained after the cut",
    "retrain": "retrained",
    "distill": "distilled",
}


@dataclass(frozen=True)
class Mark:
    """One series."""

    color: str
    marker: str
    dash: str
    filled: bool = True
    size: float = 5.5
    edge: str | None = None
    """None: the color."""
    shift: float = 0
    """To the right, in percent of the axis, where several stand at one place."""

    def style(self) -> dict[str, Any]:
        """Keywords of matplotlib's plot and errorbar."""
        return {
            "color": self.color,
            "marker": self.marker,
            "linestyle": self.dash,
            "markersize": self.size,
            "markeredgecolor": self.edge or self.color,
            "markerfacecolor": self.color if self.filled else "white",
        }


_BLUE, _ORANGE, _GREEN, _PURPLE, _BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#222222"

METHOD_MARKS: dict[Method, Mark] = {
    "l0": Mark(_BLUE, "o", "-"),
    "gain": Mark(_ORANGE, "s", "--", filled=False),
    "random": Mark(_GREEN, "^", ":"),
}

TRAINING_MARKS: dict[Training, Mark] = {
    "none": Mark(_GREEN, "^", ":", shift=-0.8),
    "retrain": Mark(_ORANGE, "s", "--", filled=False),
    "distill": Mark(_BLUE, "o", "-", shift=0.8),
}

YARDSTICK_MARKS: dict[Training, Mark] = {
    "none": Mark(_PURPLE, "P", "none", size=8, edge=_BLACK),
    "retrain": Mark(_PURPLE, "*", "none", filled=False, size=11, edge=_BLACK),
    "distill": Mark(_PURPLE, "*", "none", size=11, edge=_BLACK),
}

AS_IT_CAME_MARK = Mark(_BLACK, "D", "none", filled=False, shift=0.8)
WHOLE_MARK = Mark(_BLACK, "D", "none", shift=-0.8)

POINT_MARKS = (
    Mark(_BLUE, "o", "-"),
    Mark(_ORANGE, "s", "--", filled=False),
    Mark(_GREEN, "^", ":"),
    Mark(_PURPLE, "v", "-.", filled=False),
)


def bars(estimates: Sequence["Estimate"]) -> list[list[float]]:
    """Intervals as matplotlib's errorbar wants them: [below, above] the values."""
    return [
        [estimate.value - estimate.low for estimate in estimates],
        [estimate.high - estimate.value for estimate in estimates],
    ]


def caption(figure: "Figure", text: str) -> None:
    """What there is to know, at the foot."""
    wrapped = textwrap.fill(text, round(15 * figure.get_figwidth()))
    figure.supxlabel(wrapped, fontsize=8, x=0.01, ha="left")


def zero_line(axes: "Axes") -> None:
    """Where there is no difference."""
    axes.axhline(0, color=_BLACK, linewidth=0.8)
