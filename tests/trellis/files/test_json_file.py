import gzip
import os
import threading
from pathlib import Path

import pytest

from trellis.errors import InputError
from trellis.files.json_file import read_json, write_json


def test_numbers_that_are_no_json_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_json(path, {"f1": 81.5, "mot": "côté"})
    with pytest.raises(InputError, match=r"scores\.json would hold a number that is not finite at f1, which"):
        write_json(path, {"f1": float("nan")})
    with pytest.raises(InputError, match=r"not finite at a\[1\]\.b\[0\], which"):
        write_json(path, {"a": [1.0, {"b": (float("inf"),)}]})
    assert read_json(path, "score") == {"f1": 81.5, "mot": "côté"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.json"]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_written_nowhere_is_read_nowhere(tmp_path: Path, constant: str) -> None:
    path = tmp_path / "scores.json"
    path.write_text(f'{{"f1": {constant}}}')
    with pytest.raises(InputError, match=f"is not valid JSON: {constant} is no number"):
        read_json(path, "score")


def test_what_stands_for_bytes_of_a_files_name_is_valid_json(tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    made = {"model": "m\udcff.onnx", "mot": "côté 🌳", "\ud800": 'a "quoted"\n'}
    write_json(path, made)
    assert read_json(path, "result") == made
    assert b"m\\udcff.onnx" in path.read_bytes()
    assert "côté 🌳".encode() in path.read_bytes()


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory; name a file"):
        write_json(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("/dev/full")
    with pytest.raises(
        InputError, match=r"The plan .*link\.json is a device, or a link to one; give a file\."
    ):
        read_json(tmp_path / "link.json", "plan")


def test_a_small_file_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.json.gz"
    path.write_bytes(gzip.compress(b"[" + b"0," * 2**20 + b"0]"))
    assert len(read_json(path, "score")) == 2**20 + 1
    monkeypatch.setattr("trellis.files.json_file.MOST_UNPACKED", 2**20)
    with pytest.raises(InputError, match=r"scores\.json\.gz unpacks to more than 1 MiB; unpack it\."):
        read_json(path, "score")


def test_what_comes_packed_through_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(gzip.compress(b'{"f1": 81.5}'),))
    writer.start()
    assert read_json(path, "score") == {"f1": 81.5}
    writer.join()
