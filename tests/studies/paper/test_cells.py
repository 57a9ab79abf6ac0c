import json
import subprocess
import sys

import pytest

from studies.paper.cells import (
    FIRST_ROUND,
    NATURAL_QUESTIONS,
    POINTS,
    SMALLER,
    TEACHER,
    WHOLE,
    Recipe,
    cells,
    plan_name,
    transfer_cells,
)

STUDIES = {"squad": [*cells(Recipe(seeds=3), tuple(POINTS))], "nq": [*transfer_cells(NATURAL_QUESTIONS)]}

PROGRAM = """
import json, sys
import trellis.cli.prune_export.command

requests = []
trellis.cli.prune_export.command._run = lambda request, *_: requests.append(request) or 0
for arguments in json.load(sys.stdin):
    code = trellis.cli.prune_export.command.COMMAND(arguments)
    assert not code, (code, arguments)
print(json.dumps([
    [r.model, r.data.task, r.method.name, r.amount.prune_heads, r.amount.prune_ffn, *training]
    for r in requests
    for training in [(r.training.retrain, r.training.distill)]
]))
"""


@pytest.mark.parametrize("study", STUDIES)
def test_names_are_unique(study: str) -> None:
    names = [cell.name for cell in STUDIES[study]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("study", STUDIES)
def test_what_others_need_comes_first(study: str) -> None:
    first, *others = STUDIES[study]
    assert first.name == WHOLE
    assert first.saves_as == TEACHER
    saved: set[str] = set()
    for cell in (first, *others):
        assert {TEACHER, FIRST_ROUND} & set(cell.arguments) <= saved
        saved |= {cell.saves_as} if cell.saves_as else set()


def test_all_points_come_before_the_curves_and_none_is_forgotten() -> None:
    parts = [cell.part for cell in STUDIES["squad"]]
    assert parts == sorted(parts, key=("point", "curve", "option").index)
    assert parts.count("point") == 1 + 3 * len(POINTS) + 1
    assert parts.count("curve") == 3 * 2 * 4 * 3
    assert parts.count("option") == 4


def test_every_cell_is_a_command_that_prune_export_takes() -> None:
    everything = STUDIES["squad"] + STUDIES["nq"]
    commands = [[cell.arguments[0], "out/model.onnx", *cell.arguments[1:]] for cell in everything]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(commands), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    by_name = dict(zip([cell.name for cell in everything], json.loads(done.stdout), strict=True))
    assert len(by_name) == len({cell.name for cell in everything})
    assert by_name["l0-2-2"] == ["MODEL", "squad", "l0", *POINTS[2], None, None]
    assert by_name["l0-2-2-distill"] == ["MODEL", "squad", "gain", None, None, None, 1]
    assert by_name["yardstick-distill"][0] == SMALLER
    assert by_name["gain-ffn-60-seed-1"] == ["MODEL", "squad", "gain", None, 0.6, None, None]
    assert by_name["transferred-1-1-retrain"][:3] == [TEACHER, "nq", "gain"]


@pytest.mark.parametrize("study", STUDIES)
def test_what_is_trained_after_the_cut_keeps_the_units_that_are_stored(study: str) -> None:
    for cell in STUDIES[study]:
        is_point = cell.name.split("-")[0] in ("l0", "transferred") and cell.part == "point"
        if is_point and cell.name.endswith(("distill", "retrain")):
            assert cell.arguments[cell.arguments.index("--plan") + 1] == plan_name(
                int(cell.name.split("-")[1])
            )
