"""The work folder: what is computed once, what again, and what of a killed command can be believed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prune.work import Work, open_work
from trellis.errors import InputError

INPUTS = {"model": "abc", "settings": {"epochs": 1.0, "seed": 0}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out.onnx.work"


@pytest.fixture
def work(root: Path) -> Iterator[Work]:
    with open_work(root) as work:
        yield work


class Counted:
    """Something to compute; it knows how often it was."""

    def __init__(self, result: Any = 7) -> None:
        self.calls = 0
        self.result = result

    def __call__(self, directory: Path) -> Any:
        self.calls += 1
        return self.result


def test_the_same_inputs_are_computed_once(work: Work) -> None:
    compute = Counted({"loss": [0.1, 1e-300], "name": "größer", "none": None})
    found, directory = work.stage("gates", INPUTS, compute)
    again, same = work.stage("gates", INPUTS, compute)
    assert compute.calls == 1
    assert found == again == compute.result
    assert directory == same
    assert directory.parent == work.root


def test_what_is_there_serves_the_next_command(root: Path) -> None:
    compute = Counted()
    for _ in range(2):
        with open_work(root) as work:
            assert work.stage("gates", INPUTS, compute)[0] == 7
    assert compute.calls == 1


def test_the_order_of_the_inputs_says_nothing(work: Work) -> None:
    _, directory = work.stage("gates", INPUTS, Counted())
    turned = {"settings": {"seed": 0, "epochs": 1.0}, "model": "abc"}
    assert work.stage("gates", turned, Counted())[1] == directory


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("training", INPUTS),
        ("gates", INPUTS | {"model": "abd"}),
        ("gates", INPUTS | {"settings": {"epochs": 1.0, "seed": 1}}),
        ("gates", INPUTS | {"settings": {"epochs": 1.0}}),
        ("gates", INPUTS | {"teacher": None}),
        ("gates", {"model": "abc"}),
    ],
)
def test_anything_else_is_another_folder(work: Work, name: str, inputs: dict[str, Any]) -> None:
    compute = Counted()
    folders = {work.stage("gates", INPUTS, compute)[1], work.stage(name, inputs, compute)[1]}
    assert len(folders) == compute.calls == 2


def test_the_folder_says_what_it_was_made_from(work: Work) -> None:
    _, directory = work.stage("gates", INPUTS, Counted())
    described = json.loads((directory / "inputs.json").read_bytes())
    assert described.items() >= {"stage": "gates", **INPUTS}.items()


def test_without_its_marker_a_stage_is_computed_again_and_finds_what_it_left(work: Work) -> None:
    def compute(directory: Path) -> str:
        assert not (directory / "done.json").exists()
        left = directory / "state"
        before = left.read_text() if left.exists() else ""
        left.write_text(before + "x")
        return left.read_text()

    found, directory = work.stage("gates", INPUTS, compute)
    assert found == "x"
    (directory / "done.json").unlink()
    assert work.stage("gates", INPUTS, compute)[0] == "xx"


def test_a_stage_that_fails_leaves_no_marker(work: Work) -> None:
    def fail(directory: Path) -> None:
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        work.stage("gates", INPUTS, fail)
    assert work.stage("gates", INPUTS, Counted(8))[0] == 8


_KILLED = """
import os, signal, sys
from pathlib import Path
from trellis.files.replace import replace_file
from prune.work import open_work

def compute(directory):
    (directory / "state").write_text("half way")
    with replace_file(directory / "weights") as staging:
        staging.write_text("half a file")
        os.kill(os.getpid(), signal.SIGKILL)

with open_work(Path(sys.argv[1])) as work:
    work.stage("gates", {"model": "abc"}, compute)
"""


def test_killed_before_the_marker_it_is_computed_again(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, str(root)], check=False)
    assert done.returncode == -signal.SIGKILL
    (directory,) = root.glob("gates-*")
    assert list(directory.glob(".weights*"))

    def compute(found: Path) -> str:
        assert {path.name for path in found.iterdir()} == {"inputs.json", "state"}
        return (found / "state").read_text()

    with open_work(root) as work:  # nobody holds the folder any more
        assert work.stage("gates", {"model": "abc"}, compute) == ("half way", directory)


def test_the_marker_is_written_when_all_else_is(work: Work) -> None:
    def compute(directory: Path) -> None:
        (directory / "weights").write_text("all of it")

    _, directory = work.stage("training", INPUTS, compute)
    newest = max(directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name == "done.json"


def test_two_commands_at_once_in_one_folder_are_refused(root: Path) -> None:
    with open_work(root), pytest.raises(InputError, match="Another command is at work in") as caught:
        open_in_another_process(root)
    assert str(root) in str(caught.value)
    open_in_another_process(root)


def open_in_another_process(root: Path) -> None:
    """Open the folder there; what it raises is raised here."""
    program = "import sys, pathlib, prune.work as w\nwith w.open_work(pathlib.Path(sys.argv[1])): pass"
    done = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True)
    if done.returncode:
        raise InputError(done.stderr.splitlines()[-1])


def test_a_folder_in_which_nothing_was_begun_vanishes(root: Path) -> None:
    with open_work(root):
        assert root.is_dir()
    assert not root.exists()
    root.mkdir()
    with open_work(root):
        pass
    assert root.is_dir()  # it is not ours


def test_without_a_name_the_folder_passes() -> None:
    with open_work(None) as work:
        _, directory = work.stage("gates", INPUTS, Counted())
        assert directory.is_dir()
    assert not work.root.exists()


def test_it_passes_where_the_command_fails_too() -> None:
    with pytest.raises(KeyboardInterrupt), open_work(None) as work:
        raise KeyboardInterrupt
    assert not work.root.exists()


def _file(path: Path) -> Path:
    path.write_text("")
    return path


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (lambda path: _file(path / "work"), "work is a file; name a directory with work"),
        (lambda path: _file(path / "file") / "work", "cannot be made"),
        (lambda path: Path("/proc/work"), "cannot be made"),
    ],
)
def test_a_place_where_no_folder_can_be_is_refused(
    tmp_path: Path, place: Callable[[Path], Path], says: str
) -> None:
    with pytest.raises(InputError, match=says), open_work(place(tmp_path)):
        pass


def test_a_file_where_a_stage_is_to_be_is_refused(work: Work) -> None:
    _, directory = work.stage("gates", INPUTS, Counted())
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    directory.write_text("")
    with pytest.raises(InputError, match=rf"{directory.name} cannot be made .*; clear the way"):
        work.stage("gates", INPUTS, Counted())


@pytest.fixture
def told(root: Path) -> Iterator[tuple[Work, list[str]]]:
    """A work folder, and what it says."""
    said: list[str] = []
    with open_work(root, said.append) as work:
        yield work, said


Told = tuple[Work, list[str]]


def write_weights(directory: Path) -> int:
    """A stage whose result comes with two files."""
    (directory / "deep").mkdir(exist_ok=True)
    (directory / "weights").write_bytes(bytes(range(256)))
    (directory / "deep" / "more").write_bytes(b"more")
    return 7


KEPT = ("weights", "deep/more")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"found": 1}', '{"result": 9}', "\udcff"], ids=repr)
def test_a_marker_that_is_none_is_made_again_and_that_is_said(told: Told, text: str) -> None:
    work, said = told
    _, directory = work.stage("gates", INPUTS, Counted(7))
    assert said == []
    (directory / "done.json").write_text(text, errors="surrogateescape")
    assert work.stage("gates", INPUTS, Counted(8))[0] == 8
    assert said == [f"done.json in {directory.name} is not as it was left; that stage is made again"]
    assert work.stage("gates", INPUTS, Counted(9))[0] == 8
    assert len(said) == 1


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("harm", ["bit", "cut", "longer", "noise", "gone", "a folder", "a loop"])
def test_files_that_are_not_as_they_were_left_are_made_again(told: Told, name: str, harm: str) -> None:
    work, said = told
    _, directory = work.stage("training", INPUTS, write_weights, kept=KEPT)
    assert work.stage("training", INPUTS, Counted(), kept=KEPT)[0] == 7
    file = directory / name
    content = bytearray(file.read_bytes())
    file.unlink()
    if harm == "bit":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif harm == "cut":
        file.write_bytes(content[:-1])
    elif harm == "longer":
        file.write_bytes(content + b"\0")
    elif harm == "noise":
        file.write_bytes(os.urandom(len(content)))
    elif harm == "a folder":
        file.mkdir()
    elif harm == "a loop":
        file.symlink_to(file)
    assert work.stage("training", INPUTS, write_weights, kept=KEPT)[0] == 7
    assert said == [f"{name} in {directory.name} is not as it was left; that stage is made again"]
    assert (directory / "weights").read_bytes() == bytes(range(256))


def test_a_result_that_was_changed_is_not_believed(told: Told) -> None:
    work, said = told
    _, directory = work.stage("gains", INPUTS, Counted([0.5, 0.25]))
    marker = directory / "done.json"
    marker.write_text(marker.read_text().replace("0.25", "0.75"))
    assert work.stage("gains", INPUTS, Counted([0.5, 0.25]))[0] == [0.5, 0.25]
    assert len(said) == 1


def test_nor_is_that_of_another_stage_or_one_that_keeps_other_files(told: Told) -> None:
    work, said = told
    _, one = work.stage("gains", INPUTS, Counted(1))
    _, other = work.stage("gains", INPUTS | {"model": "other"}, Counted(2))
    one.rename(work.root / "passing")
    other.rename(one)
    (work.root / "passing").rename(other)
    assert work.stage("gains", INPUTS, Counted(1))[0] == 1
    assert work.stage("gains", INPUTS | {"model": "other"}, Counted(2))[0] == 2
    assert len(said) == 2
    work.stage("gains", INPUTS, write_weights, kept=KEPT)
    assert len(said) == 3


def test_what_nobody_knows_is_named_and_left_alone(told: Told) -> None:
    work, said = told
    _, directory = work.stage("training", INPUTS, write_weights, kept=KEPT, passing=["state"])
    (directory / "state").touch()
    (directory / "mine.txt").write_text("mine")
    assert work.stage("training", INPUTS, Counted(), kept=KEPT, passing=["state"])[0] == 7
    assert said == [f"mine.txt in {directory.name} is of no stage, and is left alone"]
    assert (directory / "mine.txt").read_text() == "mine"


def test_what_cannot_be_gone_on_with_is_told(told: Told) -> None:
    work, said = told
    _, directory = work.stage("gates", INPUTS, Counted(), clean=lambda folder: [folder.name[:5]])
    assert said == [f"gates in {directory.name} was damaged and is left out"]


def test_several_processes_compute_once_and_all_know(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_SEVERAL)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *torchrun, str(program), str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "0 alone [0]",
        "0 together ['computed by', 0]",
        "1 alone [0]",
        "1 together ['computed by', 0]",
    ]
    assert sorted(path.name for path in (tmp_path / "work").glob("*-*/rank*")) == ["rank0", "rank0", "rank1"]


_SEVERAL = """
import sys
from pathlib import Path
from trellis.ranks import ranks
from prune.work import open_work

here = ranks().index

def alone(directory):
    (directory / f"rank{here}").touch()
    return [here]

def together(directory):
    (directory / f"rank{here}").touch()
    return ["computed by", here]

lines = []
with open_work(Path(sys.argv[1])) as work:
    lines.append(f"{here} alone {work.stage('alone', {}, alone)[0]}\\n")
    lines.append(f"{here} together {work.stage('together', {}, together, together=True)[0]}\\n")
for line in lines:
    sys.stdout.write(line)
"""
