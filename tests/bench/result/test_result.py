"""A result, and the forms it is shown in: the files in golden/ were written before results could be read back."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from support.measured import compared, result_of
from support.plain_result import made_result

from bench.result.result import Result, read_result
from bench.workload import Traffic, Workload
from trellis.cli.bench.csv_table import csv_text
from trellis.cli.bench.json_form import result_json
from trellis.cli.bench.markdown import markdown_text
from trellis.cli.bench.report import print_report

GOLDEN = Path(__file__).parent / "golden"


def made() -> Result:
    """The result that the files are of."""
    return made_result(
        [0.5, 0.55, 1.2],
        [0.6, 0.7, 0.5],
        [0.52, 0.61, 0.58],
        pilot=2,
        name="cut|`x`/out.onnx",
        loads=[
            Workload(1, 16),
            Workload(2, 16),
            Traffic("padded to the longest of all", ((3, 4), (9,)), 9, 2),
        ],
        clients=2,
        f1=(80.0, 79.25),
        min_speedup=1.7,
        load_average=2.0,
        gpu="Some GPU",
        governor="powersave",
    )


def _table(result: Result) -> str:
    out = io.StringIO()
    print_report(result, Console(file=out, width=110))
    return out.getvalue()


FORMS = {"json": result_json, "md": markdown_text, "csv": csv_text, "txt": _table}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_what_it_was_before(form: str) -> None:
    golden = (GOLDEN / f"result.{form}").read_bytes()
    assert FORMS[form](made()).encode() == golden
    assert FORMS[form](read_result(GOLDEN / "result.json")).encode() == golden


def test_loading_and_dumping_are_inverse() -> None:
    result = made()
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    data = json.loads((GOLDEN / "result.json").read_text(encoding="utf-8"))
    assert json.loads(result_json(Result.from_dict(data))) == data


def test_json_keeps_the_raw_samples_in_seconds(encoder, whole, cut) -> None:
    comparison = compared(encoder, whole, cut)
    found = json.loads(json.dumps(result_of(comparison).to_dict(), allow_nan=False))
    assert (found["format"], found["command"]) == (4, "bench out.onnx")
    assert found["environment"]["cpu"] == "Some CPU"
    assert found["disturbance"]["others_share"] == 0.01
    assert "no padding" in found["settings"]["inputs"]
    (one,) = found["comparisons"]
    assert one["candidate"]["shape"]["num_heads"] == [1, 3, 0]
    assert one["baseline"]["weights"] == "random"
    (point,) = one["points"]
    launch = point["launches"][0]
    assert launch["blocks"][0] == {
        "first": "baseline",
        "baseline": [{"seconds": [0.4, 0.5], "wall": 0.9}, {"seconds": [0.45], "wall": 0.45}],
        "candidate": [{"seconds": [0.2], "wall": 0.2}] * 2,
    }
    assert launch["starts"]["baseline"]["load_seconds"] == 1.0
    assert (point["baseline"]["load"], point["speedup"]["launches"]) == ({"batch": 2, "seq": 16}, 2)
