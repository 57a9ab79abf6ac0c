import pytest

from studies.paper.cells import NATURAL_QUESTIONS, Recipe, cells, transfer_cells
from studies.paper.names import CurveName, curve_name, is_whole, is_yardstick, multiples, training_of
from studies.paper.options import OPTION_NAMES

CELLS = [*cells(Recipe(seeds=2), (1, 2, 3, 4)), *transfer_cells(NATURAL_QUESTIONS)]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_every_cell_is_a_curve_or_an_option_or_whole_or_the_yardstick_or_a_point(cell) -> None:
    base, training = training_of(cell.name)
    assert bool(curve_name(cell.name)) == (cell.part == "curve")
    is_option = cell.name in {*OPTION_NAMES, "option-round-1"}  # the first round is half of an option
    assert is_option == (cell.part == "option")
    kinds = [bool(curve_name(cell.name)), is_whole(cell.name), is_yardstick(cell.name), bool(multiples(base))]
    assert [*kinds, is_option].count(True) == 1
    if not (is_whole(cell.name) or is_option):
        assert (training == "none") == (f"--{training}" not in cell.arguments)
        assert (training == "distill") == ("--distill" in cell.arguments)
        assert (training == "retrain") == ("--retrain" in cell.arguments)


def test_names_say_what_was_done() -> None:
    assert curve_name("gain-ffn-40-seed-2") == CurveName("gain", "ffn", 40, 2)
    assert curve_name("l0-1-1") is None
    assert training_of("l0-1-2-distill") == ("l0-1-2", "distill")
    assert multiples("l0-1-2") == (1, 2)
    assert multiples("yardstick") is None
