import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from studies.paper.draw import NUMBERS_FILE, draw_all
from studies.paper.numbers import numbers_of
from studies.store import write_cell
from trellis.errors import InputError

FIGURES = ("methods", "layers", "costs")


def words(path: Path) -> str:
    """What an SVG of ours says: each text stands in a comment beside its outlines."""
    return " ".join(re.findall(r"<!-- (.*?) -->", path.read_text(), re.DOTALL))


@pytest.mark.usefixtures("study")
def test_all_figures_and_their_numbers(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "figures"
    written = draw_all(store, out, "svg")
    assert sorted(written) == sorted(out.iterdir())
    assert {path.name for path in written} == {NUMBERS_FILE, *(f"{name}.svg" for name in FIGURES)}
    stored = json.loads((out / NUMBERS_FILE).read_text())
    assert stored == json.loads(json.dumps(numbers_of(store).to_dict()))
    methods, layers, costs = (words(out / f"{name}.svg") for name in FIGURES)
    assert "Attention heads removed (%)" in methods
    assert "L0 gates less gain" in methods
    assert "operating point (2, 2)" in layers
    assert "fewer layers, distilled" in costs
    assert "Multiply-adds (billions, 384 tokens)" in costs
    assert "batch 1, 384 tokens" in costs


def same_files(first: Path, second: Path) -> bool:
    return {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


@pytest.mark.usefixtures("study")
def test_another_process_draws_the_same_bytes(store: Path, tmp_path: Path) -> None:
    draw_all(store, tmp_path / "here", "svg")
    elsewhere = [sys.executable, "-m", "studies.paper", "draw", "--store", store, "--out", tmp_path / "there"]
    subprocess.run(elsewhere, check=True)
    assert same_files(tmp_path / "here", tmp_path / "there")


def test_settings_of_ones_own_change_nothing_and_stay(put, store: Path, tmp_path: Path) -> None:
    put("l0-1-1")
    draw_all(store, tmp_path / "here", "png")
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False}):
        draw_all(store, tmp_path / "again", "png")
        assert matplotlib.rcParams["font.size"] == 20
    assert same_files(tmp_path / "here", tmp_path / "again")


def test_figures_without_cells_are_absent(put, store: Path, tmp_path: Path) -> None:
    put("gain-heads-50-seed-0")
    put("whole-retrain")
    draw_all(store, tmp_path / "out", "png")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {NUMBERS_FILE, "methods.png"}


def test_costs_are_drawn_without_any_measured_speed(put, store: Path, tmp_path: Path) -> None:
    sizes = dict.fromkeys(("vocab_size", "embedding_size", "hidden_size", "head_size", "type_vocab_size"), 2)
    encoder = {
        "model_type": "bert",
        **sizes,
        "max_position_embeddings": 4,
        "pad_token_id": 0,
        "layer_norm_eps": 1e-12,
    }
    put("l0-1-1-distill", encoder=encoder)
    draw_all(store, tmp_path / "out", "svg")
    said = words(tmp_path / "out" / "costs.svg")
    assert "Parameters (millions)" in said
    assert "Measured time" not in said


def test_what_cannot_be_drawn_leaves_what_was_there(put, store: Path, tmp_path: Path) -> None:
    put("l0-1-1")
    draw_all(store, tmp_path / "out", "png")
    before = (tmp_path / "out" / "layers.png").read_bytes()
    write_cell(store, "l0-2-2", "point", [], {})
    with pytest.raises(InputError, match="l0-2-2 is damaged"):
        draw_all(store, tmp_path / "out", "png")
    assert (tmp_path / "out" / "layers.png").read_bytes() == before
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_file_where_the_figures_are_to_go(put, store: Path, tmp_path: Path) -> None:
    put("l0-1-1")
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="out cannot be made a directory"):
        draw_all(store, tmp_path / "out", "svg")
