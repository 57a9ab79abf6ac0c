import numpy as np
import pytest

from prune.qa.significance import paired_bootstrap


def test_a_constant_difference_has_no_width() -> None:
    scores = np.linspace(0, 1, 50)
    interval = paired_bootstrap(scores + 0.25, scores)
    assert (interval.mean_difference, interval.low, interval.high) == pytest.approx((0.25, 0.25, 0.25))


def test_the_interval_is_the_normal_one_where_questions_are_many() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random(400), rng.random(400)
    interval = paired_bootstrap(a, b)
    half = 1.96 * (a - b).std() / np.sqrt(400)
    assert interval.mean_difference == pytest.approx((a - b).mean())
    assert interval.low == pytest.approx((a - b).mean() - half, abs=half / 20)
    assert interval.high == pytest.approx((a - b).mean() + half, abs=half / 20)


def test_pairing_narrows_it() -> None:
    rng = np.random.default_rng(1)
    a = rng.random(400)
    b = a - 0.01 + rng.normal(0, 0.01, 400)
    paired, shuffled = paired_bootstrap(a, b), paired_bootstrap(a, rng.permutation(b))
    assert paired.mean_difference == pytest.approx(shuffled.mean_difference)
    assert paired.low > 0 > shuffled.low


def test_the_seed_decides() -> None:
    a, b = [1, 0, 1, 1, 0.5], [0, 0, 1, 0.5, 1]
    assert paired_bootstrap(a, b, seed=3, samples=701) == paired_bootstrap(a, b, seed=3, samples=701)
    assert paired_bootstrap(a, b, seed=3, samples=701) != paired_bootstrap(a, b, seed=4, samples=701)


@pytest.mark.parametrize(("a", "b"), [([], []), ([1], [1, 2]), ([[1]], [[1]])])
def test_scores_that_are_no_pairs_are_refused(a: list, b: list) -> None:
    with pytest.raises(ValueError, match="paired scores need"):
        paired_bootstrap(a, b)
