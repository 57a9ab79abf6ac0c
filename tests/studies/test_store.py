"""One file holds a study's cells: added one at a time, the same bytes for the same cells, and never half."""

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from studies.store import find_cell, is_stored, prepare_store, read_store, write_cell
from trellis.errors import InputError

ADD = """
import sys
from pathlib import Path
from studies.store import write_cell
for number in range(20):
    write_cell(Path(sys.argv[1]), f"{sys.argv[2]}-{number}", "part", [], {"number": number})
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "new" / "study.json.gz"


def put(store: Path, *names: str) -> None:
    prepare_store(store)
    for name in names:
        write_cell(store, name, "part", ["--of", name], {"said": name}, {"DEV": "one"})


def test_each_cell_is_a_line_of_a_packed_array_in_the_order_of_names(store: Path) -> None:
    put(store, "b", "c", "a")
    first, *lines, last = gzip.decompress(store.read_bytes()).decode().splitlines()
    assert (first, last) == ("[", "]")
    assert [json.loads(line.removesuffix(","))["name"] for line in lines] == ["a", "b", "c"]
    assert find_cell(store, "b") == {
        "format": 1,
        "name": "b",
        "part": "part",
        "arguments": ["--of", "b"],
        "inputs": {"DEV": "one"},
        "found": {"said": "b"},
    }
    assert list(read_store(store)) == ["a", "b", "c"]


def test_a_name_without_gz_is_not_packed(tmp_path: Path) -> None:
    put(tmp_path / "study.json", "a", "b")
    assert [cell["name"] for cell in json.loads((tmp_path / "study.json").read_text())] == ["a", "b"]
    assert list(read_store(tmp_path / "study.json")) == ["a", "b"]


def test_the_same_cells_are_the_same_bytes_whenever_and_in_whichever_order(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a", "b", "c")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    other = tmp_path / "of another name.json.gz"
    put(other, "c", "b", "a", "b")
    assert other.read_bytes() == store.read_bytes()


def test_what_is_there_is_not_run_again_and_what_is_not_is(store: Path) -> None:
    assert not is_stored(store, "a", ["--of", "a"])
    put(store, "a")
    assert is_stored(store, "a", ["--of", "a"], {"DEV": "one"})
    assert not is_stored(store, "b", ["--of", "b"], {"DEV": "one"})
    with pytest.raises(
        InputError, match=r"^a in .*study\.json\.gz was found with other arguments \(--of a\)"
    ):
        is_stored(store, "a", ["--of", "b"])
    with pytest.raises(InputError, match=r"^a in .*was found with another DEV \(one, and now two\)"):
        is_stored(store, "a", ["--of", "a"], {"DEV": "two"})


def test_two_that_add_at_the_same_time_lose_nothing(store: Path) -> None:
    prepare_store(store)
    adding = [subprocess.Popen([sys.executable, "-c", ADD, str(store), who]) for who in ("one", "other")]
    assert [process.wait() for process in adding] == [0, 0]
    assert len(read_store(store)) == 40
    assert [path.name for path in store.parent.iterdir()] == [store.name]


def test_a_number_that_is_none_leaves_what_was_there(store: Path) -> None:
    put(store, "a")
    before = store.read_bytes()
    with pytest.raises(InputError, match=r"^b in .* not finite at found\.said"):
        write_cell(store, "b", "part", [], {"said": float("nan")})
    assert store.read_bytes() == before
    assert [path.name for path in store.parent.iterdir()] == [store.name]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not valid JSON"),
        (b"{}", "is no store of a study"),
        (b"[3]", "is no store of a study"),
        (b'[{"format": 2, "name": "a"}]', "is no store of a study"),
        (b'[{"format": 1}]', "is no store of a study"),
        (gzip.compress(b"[]", mtime=0)[:-4], "cannot be read"),
        (b"[]", "holds no stored cells"),
    ],
    ids=["half", "an object", "a number", "another format", "no name", "cut short", "empty"],
)
def test_what_is_no_store_is_refused_and_left_alone(store: Path, content: bytes, said: str) -> None:
    store.parent.mkdir()
    store.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_store(store)
    if content != b"[]":
        with pytest.raises(InputError, match=said):
            prepare_store(store)
        with pytest.raises(InputError, match=said):
            write_cell(store, "a", "part", [], {})
    assert store.read_bytes() == content


@pytest.mark.parametrize("use", [read_store, prepare_store])
def test_a_folder_is_told_which_file_to_name(tmp_path: Path, use: Any) -> None:
    with pytest.raises(InputError, match=r"is a directory; name a file for --store, such as .*\.json\.gz"):
        use(tmp_path)


def test_where_nothing_can_be_written_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file cannot be made a directory"):
        prepare_store(tmp_path / "file" / "study.json.gz")
    with pytest.raises(InputError, match=r"/proc.* takes no file|not writable"):
        prepare_store(Path("/proc/study.json.gz"))
