from pathlib import Path

import pytest

from prune.errors import InputError
from prune.qa.json_file import read_json, write_json


def test_numbers_that_are_no_json_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_json(path, {"f1": 81.5, "mot": "côté"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"f1": float("nan")})
    assert read_json(path, "score") == {"f1": 81.5, "mot": "côté"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.json"]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_written_nowhere_is_read_nowhere(tmp_path: Path, constant: str) -> None:
    path = tmp_path / "scores.json"
    path.write_text(f'{{"f1": {constant}}}')
    with pytest.raises(InputError, match=f"is not valid JSON: {constant} is no number"):
        read_json(path, "score")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory; name a file"):
        write_json(tmp_path, {})
    assert list(tmp_path.iterdir()) == []
