"""Killed before any change of a folder: what is there is old or new, and the next one goes on."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.kills import KILLED, killed_at

from trellis.errors import InputError
from trellis.files.replace import replace_directory, replace_file, settle_directory
from trellis.files.scratch import scratch
from trellis.files.together import claim, replace_together, settle

Write = Callable[[Path, str], None]


def write_file(folder: Path, text: str) -> None:
    with replace_file(folder / "out") as staging:
        staging.write_text(text)


def write_directory(folder: Path, text: str) -> None:
    with replace_directory(folder / "out") as staging:
        (staging / "below").mkdir()
        for name in ("a", "b", "below/c", f"only-{text}"):
            (staging / name).write_text(text)


def write_together(folder: Path, text: str) -> None:
    with replace_together(folder / "out", "several") as staging:
        for name in ("out", "a", "b"):
            (staging / name).write_text(text)


WAYS: dict[str, tuple[Write, Callable[[Path], None]]] = {
    "file": (write_file, lambda folder: None),
    "directory": (write_directory, lambda folder: settle_directory(folder / "out")),
    "together": (write_together, lambda folder: settle(folder)),
}


def seen(folder: Path) -> dict[str, str]:
    """What a reader finds: names and contents."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


@pytest.mark.parametrize("had", [True, False], ids=["over an old one", "new"])
@pytest.mark.parametrize("way", WAYS)
def test_old_or_new_and_the_next_one_cleans_up(way: str, had: bool, tmp_path: Path) -> None:
    write, open_again = WAYS[way]
    model = tmp_path / "model"
    model.mkdir()
    write(model, "new")
    new = seen(model)
    kills, outcomes = 0, set()
    while True:
        folder = tmp_path / f"{kills}"
        folder.mkdir()
        (folder / "mine").write_text("mine")
        if had:
            write(folder, "old")
        old = seen(folder)
        code = killed_at(kills + 1, lambda folder=folder: write(folder, "new"))
        if code != KILLED:
            break
        kills += 1
        open_again(folder)
        found = seen(folder)
        assert found in (old, new | {"mine": "mine"}), f"killed at {kills}"
        outcomes.add(found == old)
        write(folder, "new")
        assert seen(folder) == new | {"mine": "mine"}
        assert not list(folder.rglob(".*"))
    assert code == 0
    assert kills >= (4 if way == "file" else 6)
    assert outcomes == {True, False}


@pytest.mark.parametrize("way", ["directory", "together"])
def test_what_moves_what_was_decided_may_be_killed_too(way: str, tmp_path: Path) -> None:
    write, open_again = WAYS[way]
    write(tmp_path, "old")
    old, number = seen(tmp_path), 1
    while killed_at(number, lambda: write(tmp_path, "new")) == KILLED and not list(
        tmp_path.glob("*.whole.*")
    ):
        number += 1
    assert list(tmp_path.glob(".*.whole.espalier"))
    number = 1
    while killed_at(number, lambda: open_again(tmp_path)) == KILLED:
        number += 1
    found = seen(tmp_path)
    assert set(found.values()) == {"new"}
    assert found.keys() ^ old.keys() <= {"out/only-old", "out/only-new"}
    assert number > 2
    assert not list(tmp_path.glob(".*.whole.espalier"))


_HOLD = """
import sys, time
from pathlib import Path
from trellis.files.scratch import scratch
from trellis.files.replace import replace_directory, replace_file
from trellis.files.together import replace_together

path = Path(sys.argv[2])
ways = {"file": replace_file, "directory": replace_directory, "together": replace_together}
with (scratch() if sys.argv[1] == "scratch" else ways[sys.argv[1]](path)) as staging:
    print(staging, flush=True)
    sys.stdin.read()
    if staging.is_dir():
        (staging / "made").write_text("theirs")
    else:
        staging.write_text("theirs")
"""


@pytest.mark.parametrize("way", ["file", "directory", "together", "scratch"])
def test_what_a_living_process_writes_stays(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / "out"
    command = [sys.executable, "-c", _HOLD, way, str(place)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert other.stdin
    assert other.stdout
    theirs = Path(other.stdout.readline().strip())
    if way in ("directory", "together"):
        began = time.monotonic()
        take_turns = replace_directory if way == "directory" else replace_together
        for _ in range(2):
            with (
                pytest.raises(InputError, match=r"Another command is about to write .*out, or"),
                take_turns(place),
            ):
                pytest.fail("two at once")
        assert time.monotonic() - began < 5
    elif way == "file":
        write_file(tmp_path, "ours")
    else:
        with scratch():
            assert theirs.is_dir()
    assert theirs.exists()
    other.communicate("go on")
    assert other.returncode == 0
    if way == "file":
        assert place.read_text() == "theirs"
    assert not list(tmp_path.rglob(".*"))
    assert not list(tmp_path.glob("espalier-scratch-*"))


def test_what_a_killed_process_left_in_passing_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bystanders = ["espalier-scratch-mine", "bench-abcdefgh", ".out.abcdefgh", ".out.settings"]
    for name in bystanders:
        (tmp_path / name).mkdir()

    def left() -> None:
        with scratch() as folder:
            (folder / "half").write_text("half")
            (folder / "end").mkdir()

    assert killed_at(3, left) == KILLED
    assert len(list(tmp_path.iterdir())) == len(bystanders) + 1
    with scratch():
        assert len(list(tmp_path.iterdir())) == len(bystanders) + 1
    write_file(tmp_path, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*bystanders, "out"])


def test_one_process_claims_twice(tmp_path: Path) -> None:
    with claim(tmp_path / "out", "several"):
        write_together(tmp_path, "new")
        write_together(tmp_path, "newer")
    assert set(seen(tmp_path).values()) == {"newer"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_reader_who_may_not_finish_it_says_so(tmp_path: Path) -> None:
    (tmp_path / ".out.files.whole.espalier").mkdir()
    (tmp_path / ".out.files.whole.espalier" / "out").write_text("new")
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be finished here"):
        settle(tmp_path)
    tmp_path.chmod(0o700)
