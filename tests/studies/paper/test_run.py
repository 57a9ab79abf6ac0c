"""Which cells are run, in which order: a cell itself is one run of prune-export, tested with that."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from studies.paper import run
from studies.paper.cells import TEACHER, Cell
from studies.store import is_stored, read_store
from trellis.errors import InputError

LEARNS = Cell("whole", "point", ("MODEL", "--retrain"), saves_as=TEACHER)
CUT = Cell("cut", "point", ("MODEL",))
TAUGHT = Cell("taught", "point", ("MODEL", "--teacher", TEACHER))
CELLS = (LEARNS, CUT, TAUGHT)


class Study:
    """Runs cells that leave nothing but what later ones need."""

    def __init__(self, folder: Path) -> None:
        self.store, self.work = folder / "store.json.gz", folder / "work"
        self.ran: list[tuple[str, ...]] = []

    def one(self, cell: Cell, where: Mapping[str, str], work: Path) -> dict[str, Any]:
        self.ran.append((cell.name, *(where.get(argument, argument) for argument in cell.arguments)))
        if cell.saves_as:
            Path(where[cell.saves_as]).mkdir(parents=True, exist_ok=True)
        return {"gates": [], "path": "elsewhere", "seconds": 1, "said": cell.name}

    def run(self, only: str = "") -> list[str]:
        before = len(self.ran)
        run.run_cells(CELLS, {"MODEL": "m"}, self.store, self.store, self.work, lambda _: None, only=only)
        return [name for name, *_ in self.ran[before:]]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    found = Study(tmp_path)
    monkeypatch.setattr(run, "_run", found.one)
    return found


def test_each_cell_is_run_once_and_what_it_found_is_kept(study: Study) -> None:
    assert study.run() == ["whole", "cut", "taught"]
    assert read_store(study.store)["cut"]["found"] == {"gates": [], "said": "cut"}
    assert study.run() == []


def test_names_stand_for_what_lies_elsewhere(study: Study) -> None:
    study.run()
    teacher = str(study.work / "cells" / "whole" / "model")
    assert study.ran[-1] == ("taught", "m", "--teacher", teacher)


def test_numbers_of_another_model_or_other_questions_are_refused(study: Study, tmp_path: Path) -> None:
    model, dev = tmp_path / "model", tmp_path / "dev.json"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"one")
    dev.write_text("questions")
    where = run.places(str(model), "somebody/train", str(dev), study.work)
    run.run_cells(CELLS, where, study.store, study.store, study.work, lambda _: None)
    assert read_store(study.store)["cut"]["inputs"] == run.digests(where)
    assert run.digests(where)["TRAIN"] == "somebody/train"
    assert run.places(str(model), "somebody/train", str(dev), study.work) == where
    dev.write_text("other questions")
    with pytest.raises(
        InputError, match=r"cut in .*store\.json\.gz was found with another DEV .*; name another --store\."
    ):
        run.run_cells(CELLS[1:2], where, study.store, study.store, study.work, lambda _: None)
    with pytest.raises(InputError, match=r"work was found with another DEV .*; name another --work\."):
        run.places(str(model), "somebody/train", str(dev), study.work)
    dev.write_text("questions")
    (model / "model.safetensors").write_bytes(b"two")
    with pytest.raises(InputError, match="another MODEL"):
        run.places(str(model), "somebody/train", str(dev), study.work)


def test_a_part_of_the_cells_takes_along_whose_model_it_needs(study: Study) -> None:
    assert study.run("cut") == ["cut"]
    assert study.run("taught") == ["whole", "taught"]
    assert not is_stored(study.store, "whole", LEARNS.arguments)  # nobody asked for what it found
    assert study.run() == ["whole"]


def test_a_model_that_is_gone_is_made_again_only_for_who_needs_it(study: Study) -> None:
    study.run("whole")
    (study.work / "cells" / "whole" / "model").rmdir()
    assert study.run("cut") == ["cut"]
    assert study.run("taught") == ["whole", "taught"]


def test_which_units_stayed_is_kept_of_points_alone_and_of_training_no_log(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        "format": 3,
        "shape": {"num_heads": [1]},
        "plan": {"heads": [[0]]},
        "parity": {"cases": ["batch 1"]},
        "gates": [{"log": [{"step": step} for step in range(50)], "seconds": 3}],
        "training": {"steps": 2, "log": [{"step": 1}]},
    }
    monkeypatch.setattr(run, "_run", lambda *_: found)
    study.work.mkdir()
    cells = (Cell("l0-1-1", "point", ("MODEL",)), Cell("l0-1-1-retrain", "point", ("MODEL", "PLAN_1")))
    run.run_cells(cells, {"MODEL": "m"}, study.store, study.store, study.work, lambda _: None)
    kept = read_store(study.store)
    expected = {
        "shape": {"num_heads": [1]},
        "gates": [{"log": [{"step": step} for step in (0, 20, 40, 49)]}],
        "training": {"steps": 2},
    }
    assert kept["l0-1-1"]["found"] == expected | {"plan": {"heads": [[0]]}}
    assert kept["l0-1-1-retrain"]["found"] == expected
    assert json.loads((study.work / "plan-1.json").read_text()) == {"heads": [[0]]}
