import csv
import io
import math

import pytest
from support.plain_result import made_result

from bench.workload import Traffic, Workload
from trellis.cli.bench.csv_table import COLUMNS, csv_text

LOG2 = math.log(2)


def _read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_for_each_point_and_role() -> None:
    result = made_result([LOG2], [LOG2], [LOG2], loads=[Workload(1, 16), Workload(2, 16)], clients=1)
    rows = _read(csv_text(result))
    assert list(rows[0]) == list(COLUMNS)
    assert [(row["comparison"], row["batch"], row["role"], row["model"]) for row in rows] == [
        ("1", "1", "baseline", "twin"),
        ("1", "1", "candidate", "out.onnx"),
        ("1", "2", "baseline", "twin"),
        ("1", "2", "candidate", "out.onnx"),
    ]


def test_figures_are_plain_numbers_in_si_units() -> None:
    result = made_result([LOG2], [LOG2], [LOG2])
    baseline, candidate = _read(csv_text(result))
    assert [float(baseline[column]) for column in ("p50_s", "p90_s", "p95_s", "p99_s")] == [0.25] * 4
    assert float(candidate["p50_s"]) == 0.125
    assert float(candidate["throughput_per_s"]) == 16
    assert [float(candidate[column]) for column in ("speedup", "speedup_low", "speedup_high")] == [
        pytest.approx(2)
    ] * 3
    assert (candidate["verdict"], candidate["confidence"], candidate["launches"]) == ("faster", "0.95", "3")
    assert (float(baseline["load_s"]), float(baseline["first_call_s"]), baseline["peak_bytes"]) == (
        0.5,
        0.25,
        "2048",
    )
    assert (candidate["file_bytes"], candidate["sha256"], candidate["timed"]) == ("1000", "ab" * 32, "6")
    (point,) = result.comparisons[0].points
    assert int(candidate["multiply_adds"]) == point.multiply_adds["candidate"]


def test_what_is_not_known_or_does_not_apply_is_empty() -> None:
    load = Traffic("sorted by length", ((3, 4), (9,)), None, 2)
    baseline, candidate = _read(csv_text(made_result([LOG2], [LOG2], loads=[load])))
    assert (candidate["batch"], candidate["seq"]) == ("", "")
    assert (candidate["arrangement"], candidate["questions"]) == ("sorted by length", "2")
    assert candidate["peak_bytes"] == candidate["of_peak"] == baseline["sha256"] == ""
    assert {baseline[column] for column in ("speedup", "speedup_low", "speedup_high", "verdict")} == {""}
    assert baseline["launches"] == "2"


@pytest.mark.parametrize(
    "begins", ["=", "+", "-", "@", "\t=", " -", "\t", "\n", "\n@", "\u3000=", "-cmd|", "\x0b="]
)
def test_no_name_is_computed_by_a_spreadsheet(begins: str) -> None:
    rows = _read(csv_text(made_result([-LOG2], [-LOG2], name=f"{begins}1+1")))
    assert rows[1]["model"] == f"'{begins}1+1"


def test_commas_quotes_and_lines_in_names_stay_in_their_cell() -> None:
    text = csv_text(made_result([LOG2], [LOG2], name='a,"b"\nc\rd'))
    assert [row["model"] for row in _read(text)] == ["twin", 'a,"b"\nc d']
    assert "\r" not in text
    assert text.endswith("\n")


def test_a_carriage_return_begins_no_formula_and_numbers_stay_numbers() -> None:
    rows = _read(csv_text(made_result([-LOG2], [-LOG2], name="\rSUM(1)")))
    assert rows[1]["model"] == "' SUM(1)"
    assert float(rows[1]["speedup"]) == pytest.approx(0.5)
    assert not [cell for row in rows for cell in row.values() if cell.startswith("'") and cell != "' SUM(1)"]
