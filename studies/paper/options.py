"""What goes beyond the paper, in numbers: other ways to distil, held against the plain one."""

from collections.abc import Mapping
from dataclasses import dataclass

from studies.paper.scores import Estimate, difference
from studies.paper.study_result import MEASURES, StudyResult

PLAIN = "option-logits"
"""The cell that the others are held against."""

OPTION_NAMES = {
    PLAIN: "teacher's logits",
    "option-hidden": "logits and hidden states",
    "option-round-2": "logits, cut in two rounds",
}


@dataclass(frozen=True)
class OptionNumbers:
    """One way, its scores by measure in percent."""

    name: str
    removed: tuple[float, float]
    """Percentages (of heads, of feed-forward activations)."""
    scores: dict[str, float]
    against_plain: dict[str, Estimate]
    """Points more than the plain way; empty without it, and for itself."""


def option_numbers(cells: Mapping[str, StudyResult]) -> tuple[OptionNumbers, ...]:
    """The ways that there are cells of. Raises InputError where they were not asked the same questions."""
    plain = cells.get(PLAIN)
    found = []
    for name in OPTION_NAMES:
        if cell := cells.get(name):
            others = plain.after if plain and cell is not plain else {}
            measures = [measure for measure in MEASURES if measure in cell.after]
            found.append(
                OptionNumbers(
                    name,
                    cell.removed,
                    {measure: round(cell.after[measure].value, 4) for measure in measures},
                    {
                        measure: difference(cell.after[measure], others[measure])
                        for measure in measures
                        if measure in others
                    },
                )
            )
    return tuple(found)
