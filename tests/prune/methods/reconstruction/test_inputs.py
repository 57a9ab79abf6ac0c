"""Which windows serve for what."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny, training

from prune.methods.reconstruction.inputs import batches_of, divided
from trellis.errors import InputError


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 80), st.integers(1, 60), st.integers(1, 20), st.integers(1, 20), st.integers(0, 9))
def test_no_text_serves_twice_and_no_set_is_empty_or_too_large(
    count: int, calibrate: int, price: int, judge: int, seed: int
) -> None:
    division = divided(training.windows(count), calibrate=calibrate, price=price, judge=judge, seed=seed)
    sets = (division.calibrate, division.price, division.judge)
    groups = [set(each.groups.tolist()) for each in sets]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    for each, wanted in zip(sets, (calibrate, price, judge), strict=True):
        assert 1 <= len(each) <= wanted


def test_as_many_texts_as_can_be_and_the_same_ones_for_the_same_seed() -> None:
    windows = training.windows(80)  # two to a text
    first, second, other = (divided(windows, calibrate=24, price=5, judge=5, seed=seed) for seed in (1, 1, 2))
    assert len(np.unique(first.calibrate.groups)) == 24
    assert np.unique(first.judge.groups, return_counts=True)[1].tolist() == [1] * 5
    assert first.calibrate.groups.tolist() == second.calibrate.groups.tolist()
    assert first.calibrate.groups.tolist() != other.calibrate.groups.tolist()


def test_what_is_held_out_is_mostly_of_other_articles() -> None:
    """Articles of seven texts each; a run holds twenty, so that some article always stands on both sides."""
    windows = training.windows(480)
    shared, articles = [], []
    for seed in range(20):
        division = divided(windows, calibrate=500, price=500, judge=500, seed=seed)
        calibrated = set((division.calibrate.groups // 7).tolist())
        for held_out in (division.price, division.judge):
            texts = np.unique(held_out.groups)
            assert len(texts) == 40
            assert (np.diff(texts) > 1).sum() <= 1  # two runs at most
            shared.append(np.mean([text // 7 in calibrated for text in texts]))
            articles.append(len(np.unique(texts // 7)))
    assert np.mean(shared) < 0.35
    assert max(shared) < 0.7
    assert min(articles) >= 6


def test_small_sets_of_texts_leave_most_to_calibrate_on() -> None:
    for count in range(4, 20):
        division = divided(training.windows(2 * count), calibrate=99, price=99, judge=99, seed=count)
        sizes = [len(np.unique(each.groups)) for each in (division.calibrate, division.price, division.judge)]
        assert sum(sizes) == count
        assert sizes[0] >= count / 2
        assert max(sizes[1:]) <= max(1, count / 3)


def test_three_texts_are_too_few() -> None:
    with pytest.raises(InputError, match="There are 3 texts to calibrate on; at least 4 are needed"):
        divided(training.windows(6), calibrate=4, price=1, judge=1, seed=0)


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_batches_hold_each_window_once_and_no_labels(model_type: str) -> None:
    model = tiny.model(model_type)
    windows = training.windows(11)
    batches = batches_of(model, windows, 1, 4)
    assert [len(batch["input_ids"]) for batch in batches] == [4, 4, 3]
    assert sum(int(batch["attention_mask"].sum()) for batch in batches) == windows.lengths.sum()
    assert not any("positions" in name for batch in batches for name in batch)
    model(**batches[0])
