"""Results that are wrong somewhere: one sentence, or what is believed can be compared and shown in every form."""

import io
import json
import random
import sys
from pathlib import Path
from typing import Any

from fuzz.commands import TIMES, hunt
from fuzz.hostile import TEXTS, changed, written
from rich.console import Console
from support.plain_result import plain_result
from support.results import Side, comparison, result

from bench.result.result import Result
from bench.workload import Traffic, Workload
from trellis.cli.bench.csv_table import csv_text
from trellis.cli.bench.json_form import result_json
from trellis.cli.bench.markdown import markdown_text
from trellis.cli.bench.page import result_page
from trellis.cli.bench.report import print_report
from trellis.errors import InputError

CASES = 2000


def test_results(tmp_path: Path) -> None:
    result = plain_result([0.5, 0.6, 0.55], [0.5, 0.7], f1=(80.0, 79.0))
    (tmp_path / "old.json").write_text(json.dumps(result))

    def prepare(rng: random.Random, room: Path) -> list[str]:
        files = [str(tmp_path / "old.json"), str(room / "new.json")]
        (room / "new.json").write_bytes(written(changed(result, rng), rng))
        rng.shuffle(files)
        limit = ["--max-regression", rng.choice(TEXTS)] if rng.random() < 0.2 else []
        return [*files, *limit, "--json", str(room / "out")]

    hunt("results of bench", "bench compare", tmp_path / "cases", 300, prepare)


def _kinds() -> list[dict[str, Any]]:
    """Results with all that there may be in one."""
    traffic = Traffic("sorted by length", ((3, 4), (9,)), None, 2)
    plain = plain_result(
        [0.5, 0.6], [0.5, 0.7], loads=[Workload(1, 16), traffic], f1=(80.0, 79.0), min_speedup=2.0, clients=2
    )
    both = [comparison(Side(name, f1=60.0), Side("whole", f1=61.0)) for name in ("a.onnx", "b.onnx")]
    older = result(both) | {"format": 3}
    return [plain, result(both), older]


def _believed(data: Any) -> tuple[Result | None, str]:
    """The result, or why it is none."""
    try:
        return Result.from_dict(data, "result.json"), ""
    except InputError as error:
        return None, str(error)


def test_what_is_believed_can_be_shown_in_every_form() -> None:
    kinds, number, believed = _kinds(), round(CASES * TIMES), 0
    for seed in range(number):
        rng = random.Random(f"shown {seed}")
        data = changed(rng.choice(kinds), rng)
        found, said = _believed(data)
        if found is None:
            assert said.startswith("result.json ")
            assert "\n" not in said
            continue
        believed += 1
        again = json.loads(result_json(found))
        assert Result.from_dict(again) == found, seed
        for form in (csv_text, markdown_text, result_page):
            assert form(found), seed
        print_report(found, Console(file=io.StringIO(), width=100))
    print(f"FUZZ results shown: {number} cases, {believed} believed", file=sys.__stderr__, flush=True)
    assert number / 20 < believed < number
