"""Draws all figures from the stored numbers alone; the same numbers give the same bytes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from studies.paper.numbers import Numbers, numbers_of
from trellis.errors import InputError
from trellis.files.json_file import write_json
from trellis.files.replace import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Form = Literal["svg", "png"]

NUMBERS_FILE = "figures.json"

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "errorbar.capsize": 2,
    "errorbar.elinewidth": 0.9,
    "font.size": 9,
    "grid.color": "0.9",
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "savefig.dpi": 160,
    "svg.hashsalt": "espalier",  # ids of the parts of an SVG are random otherwise
}


def draw_all(store: Path, out: Path, form: Form) -> list[Path]:
    """Write into `out` each figure that there are cells for, and their numbers; returns the files.

    Raises InputError where there are no cells, where one cannot be believed, where nothing can be written to
    `out`, or where matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise InputError("Drawing needs matplotlib; install it: pip install matplotlib.") from None
    numbers = numbers_of(store)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made a directory: {error.strerror}.") from None
    write_json(out / NUMBERS_FILE, numbers.to_dict(), indent=2)
    written = [out / NUMBERS_FILE]
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the user's own matplotlibrc says
        matplotlib.rcParams.update(_STYLE)
        for name, figure in _figures(numbers).items():
            written.append(out / f"{name}.{form}")
            with replace_file(written[-1]) as staging:
                figure.savefig(staging, format=form, metadata=_METADATA[form])
    return written


_METADATA: dict[Form, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
"""What would make the bytes depend on the day or on the version."""


def _figures(numbers: Numbers) -> dict[str, "Figure"]:
    from studies.paper.draw_costs import draw_costs
    from studies.paper.draw_layers import draw_layers
    from studies.paper.draw_methods import draw_methods

    figures = {
        "methods": draw_methods(numbers.methods) if numbers.methods else None,
        "layers": draw_layers(numbers.layers) if numbers.layers else None,
        "costs": draw_costs(numbers.models) if numbers.models else None,
    }
    return {name: figure for name, figure in figures.items() if figure}
