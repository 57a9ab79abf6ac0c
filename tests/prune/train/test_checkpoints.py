from pathlib import Path

import pytest

from prune.train.checkpoints import clean, finish, last_step, path_of, state_of


def _write(directory: Path, step: int) -> Path:
    checkpoint = path_of(directory, step)
    (checkpoint / "shards").mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    (checkpoint / "shards" / "one").write_bytes(b"more")
    (checkpoint / "trainer_state.json").write_text(f'{{"global_step": {step}}}')
    return checkpoint


def test_only_marked_checkpoints_count(tmp_path: Path) -> None:
    assert last_step(tmp_path) is None
    _write(tmp_path, 2)
    assert last_step(tmp_path) is None
    finish(tmp_path, 2, best=None)
    _write(tmp_path, 10)
    assert last_step(tmp_path) == 2
    assert state_of(tmp_path, 2) == {"global_step": 2}


def test_all_but_the_last_and_the_best_go(tmp_path: Path) -> None:
    for step in (2, 4, 6, 10):
        _write(tmp_path, step)
        finish(tmp_path, step, best=4 if step >= 4 else None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-4"]
    assert last_step(tmp_path) == 10


@pytest.mark.parametrize(
    "harm", ["cut off", "lost", "lost in a folder", "no marker", "half a marker", "odd marker"]
)
def test_what_is_not_whole_is_removed(tmp_path: Path, harm: str) -> None:
    for step in (2, 4):
        _write(tmp_path, step)
        finish(tmp_path, step, best=2)
    checkpoint = path_of(tmp_path, 4)
    marker = checkpoint / "complete.json"
    if harm == "cut off":
        (checkpoint / "model.safetensors").write_bytes(b"wei")
    elif harm == "lost":
        (checkpoint / "model.safetensors").unlink()
    elif harm == "lost in a folder":
        (checkpoint / "shards" / "one").unlink()
    elif harm == "no marker":
        marker.unlink()
    else:
        marker.write_text("[]" if harm == "odd marker" else marker.read_text()[:-20])
    clean(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]
    assert last_step(tmp_path) == 2


def test_other_things_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "checkpoint-7").write_text("a file")
    (tmp_path / "notes").mkdir()
    clean(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
