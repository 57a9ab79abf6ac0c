import numpy as np
import pytest
import torch
from support import training

from prune.tasks.question_answering.stored import StoredWindows
from prune.train.order import epoch_order
from prune.train.rows import COUNT, StoredRows, TrainingRows


def _rows(windows: StoredWindows, steps: int, batch_size: int = 4) -> TrainingRows:
    return TrainingRows(windows, 0, batch_size=batch_size, steps=steps, seed=7)


def test_a_run_is_epoch_after_epoch() -> None:
    """10 windows make 3 batches of 4; the third is filled up with rows that count for nothing."""
    windows = training.windows(10)
    rows = _rows(windows, steps=7)
    assert len(rows) == 28
    for step in range(7):
        epoch, batch = divmod(step, 3)
        chosen = epoch_order(windows.lengths, 4, seed=7, epoch=epoch)[4 * batch : 4 * batch + 4]
        made = rows.__getitems__(range(4 * step, 4 * step + 4))
        expected = windows.batch(chosen, 0)
        real = len(chosen)
        assert made[COUNT].tolist() == [real] * real + [0] * (4 - real)
        np.testing.assert_array_equal(
            made["input_ids"][:real, : expected.input_ids.shape[1]], expected.input_ids
        )
        np.testing.assert_array_equal(made["start_positions"][:real], expected.labels["start_positions"])


@pytest.mark.parametrize("order", ["backwards", "at random"])
def test_every_place_has_its_window_whatever_was_asked_before(order: str) -> None:
    windows = training.windows(10)
    places = list(range(24))
    forwards = [_rows(windows, 6).__getitems__([place])["input_ids"] for place in places]
    shuffled = places[::-1] if order == "backwards" else np.random.default_rng(0).permutation(24).tolist()
    rows = _rows(windows, 6)
    for place in shuffled:
        assert torch.equal(rows.__getitems__([place])["input_ids"], forwards[place])


def test_fewer_windows_than_a_batch_holds() -> None:
    rows = _rows(training.windows(3), steps=2, batch_size=8)
    counts = rows.__getitems__(range(16))[COUNT].tolist()
    assert counts == 2 * ([3] * 3 + [0] * 5)


def test_stored_rows_are_the_windows_as_they_come() -> None:
    windows = training.windows(9)
    rows = StoredRows(windows, 0)
    assert len(rows) == 9
    made = rows.__getitems__([8, 2])
    assert set(made) == {"input_ids", "attention_mask", "token_type_ids", "start_positions", "end_positions"}
    assert made["attention_mask"].sum(1).tolist() == windows.lengths[[8, 2]].tolist()
