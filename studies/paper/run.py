"""Runs the cells of a study one after the other, each in a process of its own, and stores what they find."""

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prune.tasks.question_answering.squad.reading import read_squad, write_squad
from studies.paper.cells import CURVE_DEV, DEV, MODEL, POINTS, SMALLER, TRAIN, Cell, plan_name, point_name
from studies.paper.yardstick import write_smaller
from studies.store import check_same, find_cell, is_stored, write_cell
from trellis.errors import InputError
from trellis.files.json_file import read_json, write_json

_PROGRAM = "from trellis.cli.prune_export.command import main; main()"
CURVE_QUESTIONS = 400


def squad_places(model: str, train: str, dev: str, work: Path) -> dict[str, str]:
    """Where the things that cells name lie; what is made of others is made in `work`."""
    where = places(model, train, dev, work)
    curve_dev = work / "curve-dev.json"
    if not curve_dev.exists():
        answerable = [question for question in read_squad(dev) if question.answers]
        chosen = random.Random(0).sample(answerable, min(CURVE_QUESTIONS, len(answerable)))
        write_squad(chosen, curve_dev)
    smaller = work / "smaller"
    if not smaller.exists():
        write_smaller(model, smaller)
    return where | {CURVE_DEV: str(curve_dev), SMALLER: str(smaller)}


def places(model: str, train: str, dev: str, work: Path) -> dict[str, str]:
    """Where the things that all cells name lie. Raises InputError where `work` was used with others."""
    work.mkdir(parents=True, exist_ok=True)
    where = {MODEL: model, TRAIN: train, DEV: dev}
    used = work / "inputs.json"
    if used.is_file():
        check_same(work, read_json(used, "list of inputs"), digests(where), "--work")
    write_json(used, digests(where))
    return where


def digests(where: Mapping[str, str]) -> dict[str, str]:
    """What lies at those places, so short that two can be told apart; of a name on the hub itself."""
    return {name: _digest(where[name]) for name in (MODEL, TRAIN, DEV) if name in where}


def _digest(place: str) -> str:
    path = Path(place)
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
    digest = hashlib.sha256()
    for file in files:
        if path.is_file() or file.suffix in (".json", ".safetensors"):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16] if files else place


def run_cells(
    cells: Sequence[Cell],
    where: Mapping[str, str],
    plans: Path,
    store: Path,
    work: Path,
    say: Callable[[str], None],
    *,
    only: str = "",
) -> None:
    """Run all cells that are not stored yet, and again those whose model these need and `work` lacks.

    Of `cells` those are wanted whose name begins with `only`. `plans` is the store whose points say which
    units are kept. Raises InputError where a cell fails.
    """
    inputs = digests(where)
    missing = [
        cell
        for cell in cells
        if cell.name.startswith(only) and not is_stored(store, cell.name, cell.arguments, inputs)
    ]
    needed = {argument for cell in missing for argument in cell.arguments}
    saved = {cell.saves_as: str(_model(work, cell.name)) for cell in cells if cell.saves_as}
    for cell in cells:
        lacks_model = cell.saves_as in needed and not _model(work, cell.name).exists()
        if cell in missing or lacks_model:
            say(cell.name)
            found = _run(cell, {**where, **saved, **_plans(plans, work)}, work)
            if cell in missing:
                kept = trimmed(found, with_plan=cell.name in map(point_name, POINTS))
                write_cell(store, cell.name, cell.part, cell.arguments, kept, inputs)


def _plans(plans: Path, work: Path) -> dict[str, str]:
    """Files of the units that the stored points keep, under the names that cells give them."""
    where = {}
    for point in POINTS:
        if cell := find_cell(plans, point_name(point)):
            path = work / f"plan-{point}.json"
            write_json(path, cell["found"]["plan"])
            where[plan_name(point)] = str(path)
    return where


def onnx_file(work: Path, name: str) -> Path:
    """Where the cell's exported model lies."""
    return _directory(work, name) / "model.onnx"


def trimmed(found: Mapping[str, Any], *, with_plan: bool) -> dict[str, Any]:
    """What prune-export found that is worth keeping: of gates every twentieth step, of training none.

    Which units stayed is kept `with_plan`, where other cells are to keep the same.
    """
    left_out = {"path", "seconds", "format", "parity"} | (set() if with_plan else {"plan"})
    kept = {key: value for key, value in found.items() if key not in left_out}
    if training := found.get("training"):
        kept["training"] = {key: value for key, value in training.items() if key != "log"}
    kept["gates"] = [{"log": _thinned(gates["log"])} for gates in found["gates"]]
    return kept


def _thinned(log: Sequence[Any]) -> list[Any]:
    return [entry for index, entry in enumerate(log) if index % 20 == 0 or index == len(log) - 1]


def _run(cell: Cell, where: Mapping[str, str], work: Path) -> dict[str, Any]:
    directory = _directory(work, cell.name)
    directory.mkdir(parents=True, exist_ok=True)
    results, model = directory / "found.json", _model(work, cell.name)
    arguments = [where.get(argument, argument) for argument in cell.arguments]
    arguments[1:1] = [str(onnx_file(work, cell.name))]
    arguments += ["--work", str(work / "stages"), "--json", str(results)]
    if cell.saves_as and not model.exists():
        arguments += ["--save-model", str(model)]
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    with (directory / "log.txt").open("a", encoding="utf-8") as log:
        code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if code:
        raise InputError(f"The cell {cell.name} ended with exit code {code}; see {directory / 'log.txt'}.")
    if cell.part != "point":
        onnx_file(work, cell.name).unlink()  # many, and only points are timed
    found: dict[str, Any] = json.loads(results.read_bytes())
    return found


def _model(work: Path, name: str) -> Path:
    return _directory(work, name) / "model"


def _directory(work: Path, name: str) -> Path:
    return work / "cells" / name
