import subprocess
import sys
from pathlib import Path

import pytest

from bench.workload import BERT_BASE, BERT_BASE_SHAPE
from prune.cost import multiply_adds
from studies.peers.__main__ import LIMIT, typical_seconds
from studies.peers.pairs import PAIRS
from studies.store import write_cell


def turn(*seconds: float) -> dict[str, object]:
    return {"seconds": list(seconds), "wall": sum(seconds)}


def test_the_median_of_all_calls_of_all_launches() -> None:
    blocks = [{"baseline": [turn(1.0, 9.0), turn(2.0)], "candidate": [turn(5.0)]}]
    launches = [{"blocks": blocks}, {"blocks": [{"baseline": [turn(3.0, 4.0)], "candidate": [turn(7.0)]}]}]
    assert typical_seconds({"launches": launches}, "baseline") == 3.0
    assert typical_seconds({"launches": launches}, "candidate") == 6.0


def test_the_table_holds_each_side_against_the_limit_of_its_precision(tmp_path: Path) -> None:
    pair = next(pair for pair in PAIRS if pair.name == "b1-s384-openvino-int8-cut-over-ort-whole")
    products = multiply_adds(BERT_BASE, BERT_BASE_SHAPE, batch=1, seq=384)
    place = {"cpu": "one", "cores": 2}
    limits = {"fp32": products, "int8": 4.0 * products}
    store = tmp_path / "peers.json.gz"
    write_cell(store, LIMIT, "", [], {"environment": place, "multiply_adds_per_second": limits})
    timing = {
        "environment": place,
        "speedup": {"estimate": 4.0, "low": 3.9, "high": 4.1},
        "launches": [{"blocks": [{"baseline": [turn(2.0)], "candidate": [turn(0.5)]}]}],
    }
    write_cell(store, pair.name, pair.shows, [], timing)
    command = [sys.executable, "-m", "studies.peers", "table", "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if "openvino-int8 cut" in line]
    cells = [cell.strip() for cell in row.split("│")][1:-1]
    # half of the products in fp32; of 2.52 times fewer products in half a second, a fifth of those in int8
    assert cells[1:] == ["openvino-int8 cut", "ort whole", "4.00", "3.90 to 4.10", "2.52", "20%", "50%"]


@pytest.mark.parametrize("name", [pair.name for pair in PAIRS])
def test_every_contestant_says_its_precision(name: str) -> None:
    (pair,) = [pair for pair in PAIRS if pair.name == name]
    for side in (pair.candidate, pair.baseline):
        assert side.precision == ("int8" if "int8" in side.way else "fp32")
