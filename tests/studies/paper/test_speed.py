import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from prune.shape import ModelShape
from studies.paper.cells import SPEED
from studies.paper.run import onnx_file
from studies.paper.speed import measure_speeds, read_speeds
from studies.store import read_store, write_cell
from trellis.errors import InputError

QUICK = ("--launches", "2", "--blocks", "3", "--precision-goal", "99%", "--threads", "1")


@pytest.fixture
def work(tmp_path: Path, make_file) -> Path:
    """Where a study ran: an uncut model, and one point of which only the retrained model's graph is left."""
    shapes = {
        "whole-retrain": ModelShape.uniform(3, num_heads=4, intermediate_size=256),
        "l0-1-1-retrain": ModelShape.uniform(3, num_heads=2, intermediate_size=64),
    }
    for name, shape in shapes.items():
        file = make_file(f"{name}.onnx", shape=shape)
        onnx_file(tmp_path / "work", name).parent.mkdir(parents=True)
        shutil.move(file, onnx_file(tmp_path / "work", name))
    return tmp_path / "work"


@pytest.mark.slow
def test_points_are_measured_once_against_the_whole_model(put, store: Path, work: Path) -> None:
    for name in ("whole-retrain", "l0-1-1", "l0-1-1-retrain", "l0-2-2", "l0-heads-20-seed-0"):
        put(name)
    said: list[str] = []
    measure_speeds(store, work, 1, 32, QUICK, said.append)
    assert said == ["l0-1-1-b1-s32"]
    cell = read_store(store)["l0-1-1-b1-s32"]
    stored = cell["found"]
    assert stored["speedup"]["blocks"] >= 6
    assert stored["latencies"]["baseline"]["p50"] > 0
    assert stored["environment"]["cpu"]
    assert str(work) not in json.dumps(cell)
    (speed,) = read_speeds(store)
    assert (speed.name, speed.batch, speed.seq) == ("l0-1-1", 1, 32)
    assert speed.low <= speed.estimate <= speed.high
    assert speed.encoder.hidden_size == 64
    before = store.stat().st_mtime_ns
    measure_speeds(store, work, 1, 32, QUICK, said.append)
    assert said == ["l0-1-1-b1-s32"]
    assert store.stat().st_mtime_ns == before
    measure_speeds(store, work, 2, 32, QUICK, said.append)
    assert said == ["l0-1-1-b1-s32", "l0-1-1-b2-s32"]
    assert [speed.batch for speed in read_speeds(store)] == [1, 2]


def test_what_is_stored_is_not_measured_again(put, put_speed, store: Path, work: Path) -> None:
    put("l0-1-1-retrain")
    put_speed("l0-1-1", 1.5)
    onnx_file(work, "l0-1-1-retrain").write_text("no graph that anybody could run")
    measure_speeds(store, work, 1, 384)
    assert [speed.estimate for speed in read_speeds(store)] == [1.5]


def test_what_bench_cannot_serve_is_said_and_nothing_is_stored(put, store: Path, work: Path) -> None:
    put("l0-1-1-retrain")
    with pytest.raises(
        InputError, match=r"was not measured: .*--seq is 129, and the model has positions for 128"
    ):
        measure_speeds(store, work, 1, 129, QUICK)
    assert list(read_store(store)) == ["l0-1-1-retrain"]


def test_without_the_whole_model_there_is_nothing_to_compare_with(put, store: Path, tmp_path: Path) -> None:
    put("l0-1-1")
    with pytest.raises(InputError, match=r"There is no uncut model at .*name the --work"):
        measure_speeds(store, tmp_path, 1, 384)


def test_speeds_are_read_in_order_and_their_absence_is_no_error(put, put_speed, store: Path) -> None:
    put("l0-1-1")
    assert read_speeds(store) == []
    for name, batch, seq in (
        ("yardstick", 1, 384),
        ("l0-1-1", 16, 384),
        ("l0-1-1", 2, 384),
        ("l0-1-1", 2, 128),
    ):
        put_speed(name, 2.0, batch, seq)
    assert [(speed.name, speed.batch, speed.seq) for speed in read_speeds(store)] == [
        ("l0-1-1", 2, 128),
        ("l0-1-1", 2, 384),
        ("l0-1-1", 16, 384),
        ("yardstick", 1, 384),
    ]


@pytest.mark.parametrize("damage", [{}, [], {"speedup": 3}, {"name": "l0-2-2"}, "b1"])
def test_a_damaged_speed_is_named(put_speed, store: Path, damage: Any) -> None:
    put_speed("l0-1-1", 2.0)
    write_cell(store, "l0-2-2-b1-s384", SPEED, [], damage)
    with pytest.raises(InputError, match="cell l0-2-2-b1-s384 is no speed"):
        read_speeds(store)
