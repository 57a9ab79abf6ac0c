import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.result.result import read_result
from trellis.cli.bench.csv_table import csv_text
from trellis.cli.bench.json_form import result_json
from trellis.cli.bench.markdown import markdown_text
from trellis.cli.bench.outputs import Outputs, json_text
from trellis.errors import InputError

MakeFile = Callable[..., Path]


def _name(data: dict[str, Any]) -> str:
    return f"{data['name']}\n"


def test_every_form_goes_to_its_place(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    outputs = Outputs.of(
        ("--json", str(tmp_path / "a.json"), json_text), ("--csv", "-", _name), ("--markdown", None, _name)
    )
    assert outputs.take_stdout
    # The last one stands for a byte of a file's name that is no UTF-8.
    outputs.write({"name": "é\udc80"})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "é\udc80"}
    assert capfdbinary.readouterr().out == "é\\udc80\n".encode()
    assert not Outputs.of(("--json", str(tmp_path / "a.json"), json_text)).take_stdout


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("-", "-", "--json and --csv would both be written to stdout"),
        ("a", "./a", "--json and --csv would both be written to a"),
        ("absent/a", None, "absent/a cannot be written: there is no directory absent"),
    ],
)
def test_what_cannot_be_written_is_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        Outputs.of(("--json", first, json_text), ("--csv", second, _name))


def test_a_directory_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory; name a file"):
        Outputs.of(("--csv", str(tmp_path), _name)).write({"name": ""})


def test_one_measurement_gives_all_forms(make_file: MakeFile, tmp_path: Path) -> None:
    arguments = ["--threads", "1", "--seq", "16", "--launches", "3", "--blocks", "3"]
    arguments += ["--precision-goal", "99%"]
    places = ["--json", tmp_path / "a.json", "--markdown", tmp_path / "a.md", "--csv", "-"]
    command = [Path(sys.executable).with_name("bench"), make_file(), *arguments, *places]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = read_result(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == result_json(result)
    assert (tmp_path / "a.md").read_text() == markdown_text(result)
    assert done.stdout == csv_text(result)
    assert "p50 ms" in done.stderr  # the table for people
