"""The numbers that the documents rest on: small, whole, and still what is printed."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.result.result import read_result
from studies.paper.draw import NUMBERS_FILE, draw_all
from studies.paper.numbers import numbers_of
from studies.paper.served import served_table
from studies.paper.tables import tables_of
from studies.store import read_store, write_cell

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "studies" / "results"
STORES = {"squad": 37, "nq": 8, "peers": 49, "trust": 40, "widths": 32, "cost": 3}
BENCH = ("gpu-fp16", "gpu-fp32", "lengths")


def store_of(study: str) -> Path:
    return RESULTS / f"{study}.json.gz"


def test_they_are_few_and_small() -> None:
    files = [path for path in RESULTS.rglob("*") if path.is_file() and path.name != NUMBERS_FILE]
    assert {path.name for path in files if path.suffix == ".gz"} == {
        f"{name}.json.gz" for name in (*STORES, *BENCH)
    }
    assert len(files) <= 14
    assert sum(path.stat().st_size for path in files) < 1_000_000


@pytest.mark.parametrize("study", STORES)
def test_a_store_is_what_writing_its_cells_again_gives(study: str, tmp_path: Path) -> None:
    cells = read_store(store_of(study))
    assert len(cells) == STORES[study]
    again = tmp_path / "again.json"
    for cell in cells.values():
        write_cell(again, cell["name"], cell["part"], cell["arguments"], cell["found"], cell["inputs"])
    assert again.read_bytes() == gzip.decompress(store_of(study).read_bytes())


@pytest.mark.parametrize("name", BENCH)
def test_results_of_bench_are_read_by_bench(name: str) -> None:
    assert read_result(store_of(name)).comparisons


@pytest.mark.parametrize("study", ["squad", "nq"])
def test_the_tables_are_those_that_the_cells_give(study: str) -> None:
    assert tables_of(numbers_of(store_of(study))) in (RESULTS / "tables.md").read_text(encoding="utf-8")


def test_the_figures_are_those_that_the_cells_give(tmp_path: Path) -> None:
    for path in draw_all(store_of("squad"), tmp_path, "svg"):
        if path.name != NUMBERS_FILE:
            assert path.read_bytes() == (RESULTS / "figures" / path.name).read_bytes()


def printed(study: str) -> list[list[str]]:
    """Rows of the table that the study's command prints."""
    command = [sys.executable, "-m", f"studies.{study}", "table", "--store", store_of(study)]
    done = subprocess.run(command, capture_output=True, text=True, env={"COLUMNS": "250"}, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_the_pairs_of_the_document_are_those_that_are_printed() -> None:
    said = (ROOT / "docs" / "fast.md").read_text(encoding="utf-8")
    rows = printed("peers")
    assert len(rows) == STORES["peers"] - 1  # the other cell is the machine's limit
    table = said.partition("multiply-adds are 2.52")[2].partition("In fp32 a cut model")[0]
    figures = re.findall(r"\d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\)", table)
    assert len(figures) == 43
    assert {*figures} <= {f"{estimate} ({interval})" for _, _, _, estimate, interval, *_ in rows}


def test_the_widths_of_the_document_are_those_that_are_printed() -> None:
    said = (ROOT / "docs" / "fast.md").read_text(encoding="utf-8")
    rows = printed("widths")
    assert len(rows) == STORES["widths"] / 4
    for row in rows:
        assert " ".join(f"| {' | '.join(row)} |".split()) in said


def test_the_runs_of_the_document_are_those_that_are_printed() -> None:
    said = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")
    rows = printed("trust")
    assert len(rows) == 5
    for case, runs, held, faster, undecided, slower, estimates, half in rows:
        row = (case, f"{held} of {runs}", f"{faster} / {undecided} / {slower}", estimates, half)
        assert f"| {' | '.join(row)} |".replace("%", " %").replace("  %", " %") in said


def test_what_was_served_is_told_as_it_is_printed() -> None:
    said = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2:] for line in served_table(store_of("squad")).splitlines()[2:]]
    assert len(rows) == 9
    assert all("|".join(row) in said for row in rows)
