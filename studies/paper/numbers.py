"""All numbers of the figures, out of a store alone."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from studies.paper.methods import MethodNumbers, method_numbers
from studies.paper.options import OptionNumbers, option_numbers
from studies.paper.points import SEQ, LayerNumbers, ModelNumbers, layer_numbers, model_numbers
from studies.paper.speed import read_speeds
from studies.paper.study_result import read_study_results

_FORMAT = 1


@dataclass(frozen=True)
class Numbers:
    """What is drawn and tabled; each part is empty where its cells are not there yet."""

    methods: tuple[MethodNumbers, ...]
    """Fig. 1."""
    layers: tuple[LayerNumbers, ...]
    """Fig. 2."""
    models: tuple[ModelNumbers, ...]
    """Fig. 3, and the table of operating points."""
    options: tuple[OptionNumbers, ...]
    """What goes beyond the paper."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"format": _FORMAT, "multiply_adds_of_tokens": SEQ, **asdict(self)}


def numbers_of(store: Path) -> Numbers:
    """Everything that the stored cells and speeds say. Raises InputError where one cannot be believed."""
    cells = read_study_results(store)
    return Numbers(
        method_numbers(cells),
        layer_numbers(cells),
        model_numbers(cells, read_speeds(store)),
        option_numbers(cells),
    )
