"""Writes that are whole or not there at all, whatever interrupts them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trellis.errors import InputError
from trellis.files.replace import check_file, check_writable, replace_directory, replace_file

_KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from trellis.files.replace import replace_directory, replace_file

path = Path(sys.argv[2])
with {"file": replace_file, "directory": replace_directory}[sys.argv[1]](path) as staging:
    (staging / "half" if staging.is_dir() else staging).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "out.bin"
    path.write_text("old")
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")
    return path


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    yield
    os.umask(before)


def test_a_file_is_replaced_and_nothing_is_left_beside_it(file: Path) -> None:
    with replace_file(file) as staging:
        staging.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


def test_what_is_no_plain_file_is_left_alone(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, Path("/dev/null")):
        with pytest.raises(InputError, match=f"--json {place} is no plain file; name a file"):
            check_file(place, "--json")
        with pytest.raises(InputError, match=f"^{place} is no plain file"), replace_file(place):
            pass
    assert pipe.is_fifo()
    (tmp_path / "link").symlink_to(tmp_path / "absent")
    check_file(tmp_path / "link")


def test_all_files_of_a_directory_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    with umask(0o022), replace_directory(tmp_path / "model") as staging:
        (staging / "weights").touch(0o600)
        (staging / "below").mkdir()
        (staging / "below" / "more").touch(0o600)
    found = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model").rglob("*")}
    assert found == {"weights": 0o644, "below": 0o755, "more": 0o644}


def test_a_directory_is_replaced_with_all_that_was_in_it(directory: Path) -> None:
    with replace_directory(directory) as staging:
        (staging / "new").write_text("new")
        assert (directory / "old").read_text() == "old"
    assert [path.name for path in directory.iterdir()] == ["new"]
    assert list(directory.parent.iterdir()) == [directory]


def test_new_files_and_directories_appear_with_the_users_rights(tmp_path: Path) -> None:
    with umask(0o027):
        with replace_file(tmp_path / "file") as staging:
            staging.write_text("new")
        with replace_directory(tmp_path / "directory"):
            pass
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "directory").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(file: Path, directory: Path, error: type[BaseException]) -> None:
    def fail(half: Path) -> None:
        half.write_text("half")
        raise error

    with pytest.raises(error), replace_file(file) as staging:
        fail(staging)
    with pytest.raises(error), replace_directory(directory) as staging:
        fail(staging / "half")
    assert file.read_text() == "old"
    assert [path.name for path in directory.iterdir()] == ["old"]
    assert set(file.parent.iterdir()) == {file, directory}


def test_an_interrupt_between_the_two_renames_does_not_keep_the_new_directory_out(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, interrupts = Path.replace, [KeyboardInterrupt]

    def interrupted(path: Path, target: Path) -> Path:
        if target == directory and interrupts:
            raise interrupts.pop()
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), replace_directory(directory) as staging:
        (staging / "new").write_text("new")
    assert [path.name for path in directory.iterdir()] == ["new"]
    assert list(directory.parent.iterdir()) == [directory]


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_killed_process_leaves_what_was_there(kind: str, file: Path, directory: Path) -> None:
    path = file if kind == "file" else directory
    killed = subprocess.run([sys.executable, "-c", _KILLED_WHILE_WRITING, kind, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert file.read_text() == "old"
    assert [(path.name, path.read_text()) for path in directory.iterdir()] == [("old", "old")]


def test_places_that_cannot_be_written_are_refused_before_the_work(file: Path, directory: Path) -> None:
    missing = file.parent / "missing" / "out.bin"
    with pytest.raises(InputError, match=r"there is no directory .*missing; create it first"):
        check_writable(missing)
    for replace in (replace_file, replace_directory):
        with pytest.raises(InputError, match="there is no directory"), replace(missing):
            pytest.fail("the work began")
    with pytest.raises(InputError, match="is a directory; name a file"), replace_file(directory):
        pytest.fail("the work began")
    with pytest.raises(InputError, match="is a file; name a directory"), replace_directory(file):
        pytest.fail("the work began")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="is not writable"):
        check_writable(tmp_path / "out")
    tmp_path.chmod(0o700)


def test_a_link_that_leads_to_itself_is_no_place_for_a_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(InputError, match=r"--json .*loop is a link that leads to itself; name a file\."):
        check_file(loop, "--json")
    with pytest.raises(InputError, match="is a link that leads to itself"), replace_file(loop):
        pass
    assert loop.is_symlink()
    nowhere = tmp_path / "nowhere"
    nowhere.symlink_to("elsewhere")
    check_file(nowhere)
