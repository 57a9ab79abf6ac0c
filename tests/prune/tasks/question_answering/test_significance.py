import numpy as np
import pytest

from prune.tasks.question_answering.significance import paired_bootstrap, paired_ratio_bootstrap, warning


@pytest.mark.parametrize(("questions", "few"), [(1, True), (29, True), (30, False), (1378, False)])
def test_few_questions_are_said_to_be_few(questions: int, few: bool) -> None:
    assert (warning(questions) is not None) == few


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


def counts(seed: int, number: int = 300) -> list[np.ndarray]:
    """Right answers, and those given and those there are, of two models."""
    rng = np.random.default_rng(seed)
    there = rng.random(number) < 0.7
    rows = []
    for quality in (0.6, 0.5):
        given = rng.random(number) < 0.8
        right = there & given & (rng.random(number) < quality)
        rows += [2.0 * right, there + 1.0 * given]
    return rows


def test_a_ratio_of_sums_is_resampled_as_a_whole() -> None:
    rows = counts(1)
    interval = paired_ratio_bootstrap(*rows, samples=800, seed=5)
    rng = np.random.default_rng(5)
    direct = []
    for size in (500, 300):
        for drawn in rng.integers(0, 300, (size, 300)):
            sums = [sum(row[question] for question in drawn) for row in rows]
            direct.append(sums[0] / sums[1] - sums[2] / sums[3])
    assert interval.low == pytest.approx(np.percentile(direct, 2.5), abs=1e-12)
    assert interval.high == pytest.approx(np.percentile(direct, 97.5), abs=1e-12)
    assert interval.mean_difference == pytest.approx(
        rows[0].sum() / rows[1].sum() - rows[2].sum() / rows[3].sum()
    )


def test_its_width_is_that_of_the_delta_method() -> None:
    a_part, a_whole, b_part, b_whole = rows = counts(2, 2000)
    a, b = a_part.sum() / a_whole.sum(), b_part.sum() / b_whole.sum()
    influence = (a_part - a * a_whole) / a_whole.mean() - (b_part - b * b_whole) / b_whole.mean()
    half = 1.96 * influence.std() / np.sqrt(2000)
    interval = paired_ratio_bootstrap(*rows, samples=4000)
    assert interval.low == pytest.approx(a - b - half, abs=half / 15)
    assert interval.high == pytest.approx(a - b + half, abs=half / 15)


def test_a_mean_is_a_ratio_too() -> None:
    rng = np.random.default_rng(1)
    a, b, ones = rng.random(40), rng.random(40), np.ones(40)
    ratio, mean = paired_ratio_bootstrap(a, ones, b, ones, seed=2), paired_bootstrap(a, b, seed=2)
    assert (ratio.low, ratio.high) == pytest.approx((mean.low, mean.high))
    assert ratio.mean_difference == pytest.approx(mean.mean_difference)


def test_a_ratio_over_nothing_is_zero() -> None:
    interval = paired_ratio_bootstrap([0, 0], [0, 0], [1, 1], [2, 2])
    assert (interval.mean_difference, interval.low, interval.high) == (-0.5, -0.5, -0.5)


@pytest.mark.parametrize("rows", [([], [], [], []), ([1], [1], [1], [1, 2]), ([[1]], [[1]], [[1]], [[1]])])
def test_ratios_that_are_no_pairs_are_refused(rows: tuple[list, ...]) -> None:
    with pytest.raises(ValueError, match="paired ratios need"):
        paired_ratio_bootstrap(*rows)
