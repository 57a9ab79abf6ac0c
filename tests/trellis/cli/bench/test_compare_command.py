import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.plain_result import plain_result

BENCH = Path(sys.executable).with_name("bench")
OLD = ([0.70], [0.69], [0.70], [0.69])
NEW = ([0.50], [0.49], [0.50], [0.49])

Compare = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Runs the installed command on OLD.json and NEW.json of these contents."""

    def run(old: Any, new: Any, *arguments: object) -> subprocess.CompletedProcess[str]:
        for name, content in (("old.json", old), ("new.json", new)):
            if content is not None:
                (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return subprocess.run(
            [BENCH, "compare", "old.json", "new.json", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
            timeout=120,
        )

    return run


def test_no_name_is_cropped(compare: Compare) -> None:
    """What is longer than its cell goes on in the next line, also where its characters are spelled out."""
    name = "\x1b[31m" + "-".join(str(number) for number in range(100, 160))
    results = (plain_result(*each, name=name, f1=(80.0, 79.0)) for each in (OLD, NEW))
    done = compare(*results)
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("Accuracy, in percent") :]
    rows = [line.partition("F1")[0].strip() for line in table.splitlines()]
    assert r"\x1b[31m" + name[5:] in "".join(rows)
    assert "…" not in done.stdout


def test_what_changed_is_printed_and_written(compare: Compare, tmp_path: Path) -> None:
    old = plain_result(*OLD, f1=(80.0, 79.0))
    done = compare(old, plain_result(*NEW, f1=(80.0, 78.0), sha256="cd" * 32), "--json", "changes.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    flowing = " ".join(done.stdout.split())
    assert "out.onnx against twin (onnxruntime, fp32, 2 threads)" in flowing
    assert "batch 2, seq 16 2.00× (1.99 to 2.02) 1.64× (1.63 to 1.66) 0.82×" in flowing
    assert (
        "batch 2, seq 16: 0.82× as fast (95 % interval 0.81 to 0.83) as before, against the baseline"
        in flowing
    )
    assert "batch 2, seq 16 baseline 250 205 0.82× candidate 125 125 1.000×" in flowing
    assert "Median times are of two different occasions, not paired" in flowing
    assert "out.onnx F1 as served candidate 79.00 78.00 -1.00" in flowing
    assert "out.onnx is another file now: sha256 abababababab before, cdcdcdcdcdcd after." in flowing
    found = json.loads((tmp_path / "changes.json").read_text())
    assert (found["old"], found["new"], found["same_environment"]) == ("old.json", "new.json", True)
    assert (found["max_regression"], found["met"]) == (None, True)
    assert found["points"][0]["change"]["verdict"] == "slower"


def test_json_can_be_piped(compare: Compare) -> None:
    done = compare(plain_result(*OLD), plain_result(*NEW), "--json", "-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["points"][0]["where"] == "batch 2, seq 16"
    assert "0.82× as fast (95 % interval 0.81 to 0.83)" in done.stderr


def test_other_environments_are_listed_and_times_left_out(compare: Compare) -> None:
    done = compare(plain_result(*OLD), plain_result(*NEW, packages={"onnxruntime": "2.0"}))
    assert done.returncode == 0
    flowing = " ".join(done.stdout.split())
    assert "onnxruntime 1.0 2.0" in flowing
    assert "Times are not compared. Speed-ups are" in flowing
    assert "p50" not in flowing
    assert "0.82× as fast (95 % interval 0.81 to 0.83)" in flowing


@pytest.mark.parametrize(
    ("limit", "code", "said"),
    [
        ("2%", 1, "--max-regression 2.0%: MISSED, 18.1% (at least 17."),
        ("0.25", 0, "--max-regression 25.0%: met"),
    ],
)
def test_a_regression_is_exit_1(compare: Compare, limit: str, code: int, said: str) -> None:
    done = compare(plain_result(*OLD), plain_result(*NEW), "--max-regression", limit)
    assert done.returncode == code, done.stderr
    assert said in done.stdout


def test_an_undecided_regression_passes(compare: Compare) -> None:
    done = compare(plain_result(*OLD), plain_result([0.1], [0.9]), "--max-regression", "2%")
    assert done.returncode == 0
    assert "no significant change of the speed-up" in done.stdout


def test_nothing_in_common_is_exit_2(compare: Compare) -> None:
    done = compare(plain_result(*OLD), plain_result(*NEW, name="other.onnx"), "--max-regression", "2%")
    assert done.returncode == 2
    assert "Only in OLD: out.onnx against twin" in done.stdout
    assert "Only in NEW: other.onnx against twin" in done.stdout
    assert "met" not in done.stdout
    assert "old.json and new.json have nothing in common to compare" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is full")
def test_a_full_disk_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(plain_result(*OLD)))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([BENCH, "compare", path, path], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("old", "arguments", "said"),
    [
        ("{}", [], "old.json is no result of bench"),
        ('{"format": 1}', [], "old.json is a result of format 1, and formats 3 and 4 are what this version"),
        ('{"format": 3}', [], "old.json is damaged: the file's content has no 'comparisons'"),
        ("no JSON", [], "old.json is not valid JSON"),
        (None, [], "There is no result of bench at old.json"),
        ("{}", ["--max-regression", "much"], "--max-regression is 'much'; give a share"),
        ("{}", ["--max-regression", "nan"], "--max-regression is nan; give a share from 0"),
        ("{}", ["--max-regression", "100%"], "--max-regression is 1; give a share from 0"),
        ("{}", ["--json", "absent/changes.json"], "absent/changes.json cannot be written"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence_and_exit_2(
    compare: Compare, old: str | None, arguments: list[str], said: str
) -> None:
    done = compare(old, plain_result(*NEW), *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_usage_is_taught_and_demanded() -> None:
    taught = subprocess.run([BENCH, "compare", "--help"], capture_output=True, text=True, timeout=120)
    assert taught.returncode == 0
    assert "Exit codes" in taught.stdout
    assert "--max-regression" in taught.stdout
    lacking = subprocess.run([BENCH, "compare", "old.json"], capture_output=True, text=True, timeout=120)
    assert lacking.returncode == 2
    assert "Traceback" not in lacking.stderr


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("--json", "out.onnx"),
        ("--html", "./config.json"),
        ("--csv", "whole.onnx"),
        ("--markdown", "dev.json"),
        ("--json", "model/model.safetensors"),
    ],
)
def test_bench_writes_over_nothing_that_it_reads(
    make_file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_file("out.onnx")
    make_file("whole.onnx")
    (tmp_path / "model").mkdir()
    for name in ("config.json", "dev.json", "model/config.json", "model/model.safetensors"):
        (tmp_path / name).write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    command = [BENCH, "out.onnx", "model", "--baseline", "whole.onnx", "--dev", "dev.json", option, place]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"bench: {option} {Path(place)} is a file that is read; name another.\n"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", "-", "--markdown", "-"], "--markdown and --csv would both be written to stdout"),
        (["--csv", "absent/table.csv"], "absent/table.csv cannot be written"),
        (["--markdown", "absent/table.md"], "absent/table.md cannot be written"),
    ],
)
def test_bench_itself_looks_at_its_destinations_before_it_measures(arguments: list[str], said: str) -> None:
    done = subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
