import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "transformers", "datasets", "onnx", "onnxruntime", "matplotlib"}


SQUAD = ("squad", "MODEL", "--train", "t", "--dev", "d", "--store", "s", "--work", "w")


def study(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "studies.paper", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        ("studies.paper.__main__", set()),
        ("studies.paper.numbers, studies.paper.tables, studies.paper.draw", set()),
        ("studies.paper.draw_costs, studies.paper.draw_layers, studies.paper.draw_methods", {"matplotlib"}),
    ],
)
def test_the_command_starts_light(modules: str, allowed: set[str]) -> None:
    program = f"import sys, {modules}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not (HEAVY - allowed) & set(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("table", "--store", "absent"), "absent holds no stored cells"),
        (("draw", "--store", "absent", "--out", "out"), "absent holds no stored cells"),
        (("speed", "--store", "absent", "--work", "work"), "absent holds no stored cells"),
        ((*SQUAD, "--points", "1,5"), "--points is '1,5'; there is no 5, but 1, 2, 3, 4."),
        ((*SQUAD, "--points", "one"), "--points is 'one'; expected numbers"),
        (("cost", "bert-large", "--steps", "1"), "--steps is 1 and --rounds 3; give 2 steps or more"),
        (("cost", "bert-large", "--rounds", "0"), "--steps is 3 and --rounds 0; give"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_exit_2(arguments: tuple[str, ...], said: str) -> None:
    done = study(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_cell_of_another_kind_is_one_sentence_and_exit_2(store: Path) -> None:
    store.write_text('[{"format": 7, "name": "l0-1-1"}]')
    done = study("table", "--store", store)
    assert done.returncode == 2
    assert "is no store of a study" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("study")
def test_tables_and_figures_from_the_command_line(store: Path, tmp_path: Path) -> None:
    done = study("table", "--store", store)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Operating points.")
    done = study("draw", "--store", store, "--out", tmp_path / "out", "--form", "png")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 3
    done = study("draw", "--store", store, "--out", tmp_path / "out", "--form", "pdf")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
