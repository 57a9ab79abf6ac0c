"""Files are told apart by what is on disk: other names, links and paths around do not hide one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trellis.errors import InputError
from trellis.files.places import Written, check_files, check_places, data_files, identities

ALIASES: dict[str, Callable[[Path], Path]] = {
    "itself": lambda path: path,
    "around": lambda path: path.parent / ".." / path.parent.name / path.name,
    "a symbolic link": lambda path: _linked(path, os.symlink),
    "a hard link": lambda path: _linked(path, os.link),
    "through a linked folder": lambda path: _linked(path.parent, os.symlink) / path.name,
}


def _linked(path: Path, link: Callable[[Path, Path], None]) -> Path:
    other = path.parent.parent / f"other-{path.name}"
    link(path, other)
    return other


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "room" / "data" / "train.json"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    return path


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
def test_a_file_that_is_read_is_known_by_any_name(
    file: Path, alias: Callable[[Path], Path], turned: bool
) -> None:
    read, written = file, alias(file)
    if turned:
        read, written = written, read
    with pytest.raises(InputError, match=r"^--json .* is a file that is read; name another"):
        check_places([Written(written, "--json")], [read])
    check_places([Written(file.with_name("new.json"), "--json")], [read])


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
def test_two_outputs_are_not_one_file(file: Path, alias: Callable[[Path], Path], exists: bool) -> None:
    other = alias(file)
    if not exists:
        file.unlink()
        if other.is_file():
            pytest.skip("a hard link is a file of its own then")
    both = [Written(file, "--json"), Written(other, "--html")]
    with pytest.raises(InputError, match="--json and --html would both be written to"):
        check_places(both, [])
    with pytest.raises(InputError, match=r"--html .* is a file that the command writes itself; name another"):
        check_places([Written(file, ""), both[1]], [])
    check_places([both[0], Written(file.with_name("page.html"), "--html")], [])


def test_a_place_that_is_read_and_not_there_yet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a file that is read"):
        check_places([Written(tmp_path / "plan.json", "--json")], [tmp_path / "." / "plan.json"])
    with pytest.raises(InputError, match="is a file that is read"):
        check_places([Written(Path("absent/../plan.json"), "--json")], [Path("absent/../plan.json")])


@pytest.mark.parametrize("name", ["work/m.json", "work", "work/deep/m.json", "link/m.json", "../work/m.json"])
def test_nothing_is_written_among_the_stages(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    work = tmp_path / "work" if name.startswith("..") else folder / "work"
    (folder / "link").symlink_to(work)
    with pytest.raises(InputError, match=r"--json .* would lie in the work folder .*; name another place"):
        check_places([Written(folder / name, "--json")], [], work)
    check_places([Written(folder / "work.json", "--json")], [], work)


def test_loops_of_links_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for path in (tmp_path / "a", tmp_path / "a" / "out.json"):
        with pytest.raises(InputError, match="is a link that leads to itself; name another"):
            identities(path)
        with pytest.raises(InputError, match=r"leads to itself|there is no directory"):
            check_files([Written(path, "--json")], [])


@pytest.mark.parametrize("place", ["/proc/out.json", "/proc/self/out.json", "/sys/out.json", "/dev/full"])
def test_places_that_take_no_file_are_known_before(place: str) -> None:
    if not Path(place).parent.is_dir():
        pytest.skip("this system has no such place")
    with pytest.raises(InputError, match=r"cannot be written|is no plain file"):
        check_files([Written(Path(place), "--json")], [])


def test_all_files_of_a_data_set_are_read(tmp_path: Path) -> None:
    (tmp_path / "set" / "deep").mkdir(parents=True)
    for name in ("set/a.jsonl", "set/deep/b.parquet", "c.jsonl.gz", "d.jsonl.gz"):
        (tmp_path / name).write_text("")
    assert {path.name for path in data_files(tmp_path / "set")} == {"a.jsonl", "b.parquet"}
    matched = data_files(f"{tmp_path}/*.jsonl.gz")
    assert {path.name for path in matched if path.exists()} == {"c.jsonl.gz", "d.jsonl.gz"}
    assert data_files("owner/name") == [Path("owner/name")]
