import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prune.tasks.batch import INPUTS
from prune.tasks.question_answering.stored import StoredWindows, store_windows
from prune.tasks.question_answering.windows import Window, collate
from trellis.errors import InputError


def _windows(count: int, *, token_types: bool = True, seed: int = 0) -> list[tuple[int, Window]]:
    """Lengths 1 to 40, three windows to a group."""
    generator = np.random.default_rng(seed)
    made = []
    for index in range(count):
        length = int(generator.integers(1, 41))
        ids = generator.integers(0, 30_000, length).astype(np.int32)
        types = generator.integers(0, 2, length).astype(np.int32) if token_types else None
        start, end = sorted(generator.integers(0, length, 2).tolist())
        made.append((index // 3, Window(index // 2, ids, types, np.zeros((length, 2), np.int32), start, end)))
    return made


@pytest.mark.parametrize("count", [1, 1024, 2500])
@pytest.mark.parametrize("token_types", [True, False])
def test_what_is_stored_comes_back(tmp_path: Path, count: int, token_types: bool) -> None:
    grouped = _windows(count, token_types=token_types)
    stored = store_windows(iter(grouped), tmp_path / "windows")
    for reopened in (stored, StoredWindows.open(tmp_path / "windows"), StoredWindows.of(iter(grouped))):
        assert len(reopened) == count
        assert reopened.groups.dtype == np.int64
        assert reopened.groups.tolist() == [group for group, _ in grouped]
        assert reopened.lengths.dtype == np.int32
        assert reopened.lengths.tolist() == [len(window.input_ids) for _, window in grouped]
        picked = np.random.default_rng(1).integers(0, count, 7)
        ours = reopened.batch(picked, pad_token_id=5)
        expected = collate([grouped[index][1] for index in picked], 5)
        assert list(ours.labels) == ["start_positions", "end_positions"] == list(expected.labels)
        assert list(ours.inputs()) == list(expected.inputs()) == list(INPUTS[: 2 + token_types])
        for name, array in {**expected.inputs(), **expected.labels}.items():
            np.testing.assert_array_equal({**ours.inputs(), **ours.labels}[name], array, strict=True)


def test_selections_of_selections() -> None:
    grouped = _windows(50)
    everything = StoredWindows.of(grouped)
    odd = everything.select(np.arange(50) % 2 == 1)
    few = odd.select([3, 0, 3])
    assert len(few) == 3
    expected = collate([grouped[index][1] for index in (7, 1, 7)], 0)
    np.testing.assert_array_equal(few.batch(range(3), 0).input_ids, expected.input_ids)
    assert few.lengths.tolist() == [len(grouped[index][1].input_ids) for index in (7, 1, 7)]
    assert few.groups.tolist() == [7 // 3, 0, 7 // 3]


def test_no_group_stands_on_both_sides_of_a_split() -> None:
    grouped = _windows(600)
    train, held_out = StoredWindows.of(grouped).split(0.1, seed=3)
    assert len(train) + len(held_out) == 600
    assert not set(train.groups) & set(held_out.groups)
    assert len(set(held_out.groups)) == 20
    shuffled = [grouped[index] for index in np.random.default_rng(0).permutation(600)]
    assert set(StoredWindows.of(shuffled).split(0.1, seed=3)[1].groups) == set(held_out.groups)
    assert set(StoredWindows.of(grouped).split(0.1, seed=4)[1].groups) != set(held_out.groups)


@pytest.mark.parametrize(
    ("count", "share", "held_out_groups"), [(600, 0.0, 0), (9, 0.02, 1), (3, 0.5, 0), (0, 0.5, 0)]
)
def test_small_splits(count: int, share: float, held_out_groups: int) -> None:
    train, held_out = StoredWindows.of(_windows(count)).split(share, seed=0)
    assert len(set(held_out.groups)) == held_out_groups
    assert len(train) == count - 3 * held_out_groups


def test_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[int, Window]]:
        yield from _windows(1500)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_windows(broken(), tmp_path / "windows")
    assert not list(tmp_path.iterdir())


def test_other_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no stored windows"):
        StoredWindows.open(tmp_path)
    (tmp_path / "windows.arrow").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="holds no stored windows"):
        StoredWindows.open(tmp_path)


def test_windows_of_two_tokenizers_do_not_mix() -> None:
    (group, first), (_, second) = _windows(2)
    with pytest.raises(ValueError, match="length"):
        StoredWindows.of([(group, first), (group, replace(second, token_type_ids=None))])


_PROGRAM = """
import resource, sys
from pathlib import Path
import numpy as np
from prune.tasks.batch import INPUTS
from prune.tasks.question_answering.stored import store_windows
from prune.tasks.question_answering.windows import Window

count = int(sys.argv[1])
ids, offsets = np.zeros(512, np.int32), np.zeros((512, 2), np.int32)
stored = store_windows(((i, Window(i, ids, ids, offsets, 0, 0)) for i in range(count)), Path(sys.argv[2]))
assert len(stored) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_windows(tmp_path: Path) -> None:
    """100 MB of windows more cost a few megabytes more at the peak."""

    def peak(count: int) -> float:
        command = [sys.executable, "-c", _PROGRAM, str(count), str(tmp_path / str(count))]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024

    assert peak(42_000) - peak(2_000) < 20
