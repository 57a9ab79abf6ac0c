import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune.train.order import epoch_order

LENGTHS = np.random.default_rng(0).integers(20, 384, 10_000)


@given(st.lists(st.integers(1, 400), max_size=300), st.integers(1, 40), st.integers(0, 9), st.integers(0, 9))
def test_every_window_once(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    order = epoch_order(np.array(lengths, np.int32), batch_size, seed=seed, epoch=epoch)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(len(lengths)))


def test_arguments_alone_decide() -> None:
    first = epoch_order(LENGTHS, 24, seed=1, epoch=2)
    np.random.seed(5)
    assert (epoch_order(LENGTHS, 24, seed=1, epoch=2) == first).all()
    assert (epoch_order(LENGTHS, 24, seed=1, epoch=3) != first).any()
    assert (epoch_order(LENGTHS, 24, seed=2, epoch=1) != first).any()


@pytest.mark.parametrize("batch_size", [8, 24])
def test_batches_need_little_padding_and_come_in_random_order(batch_size: int) -> None:
    order = epoch_order(LENGTHS, batch_size, seed=0, epoch=0)
    batches = LENGTHS[order][: len(order) // batch_size * batch_size].reshape(-1, batch_size)
    padded = batches.max(1).sum() * batch_size
    assert padded / batches.sum() < 1.02
    assert abs(np.corrcoef(np.arange(len(batches)), batches.mean(1))[0, 1]) < 0.15


def test_the_incomplete_batch_comes_last_and_is_no_special_one() -> None:
    """Were it the rest of a sorted list, the longest windows or the shortest would always be in it."""
    rests = [LENGTHS[epoch_order(LENGTHS, 24, seed=0, epoch=epoch)][9_984:] for epoch in range(20)]
    assert np.mean(rests) == pytest.approx(LENGTHS.mean(), abs=20)
    assert min(map(np.ptp, rests)) > 100


def test_windows_meet_others_in_another_epoch() -> None:
    def companions(epoch: int) -> set[frozenset[int]]:
        order = epoch_order(LENGTHS, 10, seed=0, epoch=epoch)
        return {frozenset(batch) for batch in order.reshape(-1, 10).tolist()}

    assert len(companions(0) & companions(1)) < 10
