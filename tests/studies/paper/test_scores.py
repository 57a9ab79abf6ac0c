import numpy as np
import pytest

from prune.tasks.question_answering.significance import paired_bootstrap
from studies.paper.scores import Estimate, Score, difference, estimate, pooled
from trellis.errors import InputError

GENERATOR = np.random.default_rng(0)
FIRST, SECOND = GENERATOR.random(50), GENERATOR.random(50)


def test_a_mean_and_a_ratio_by_hand() -> None:
    assert Score.mean([1, 0, 0.5, 0.5]).value == 50
    right, given, answerable = np.array([1, 1, 0, 0]), np.array([1, 1, 1, 0]), np.array([1, 1, 1, 1])
    assert Score(2 * right, given + answerable).value == pytest.approx(100 * 4 / 7)
    nothing = np.zeros(3)
    assert Score(nothing, nothing).value == 0


def test_where_all_questions_say_the_same_the_interval_has_no_width() -> None:
    score = Score.mean(FIRST.tolist())
    assert difference(score, score) == Estimate(0, 0, 0)
    assert difference(Score.mean((FIRST + 0.25).tolist()), score) == Estimate(25, 25, 25)
    assert estimate(Score.mean([0.5] * 9)) == Estimate(50, 50, 50)


def test_differences_of_means_are_those_of_the_paired_bootstrap() -> None:
    found = difference(Score.mean(FIRST.tolist()), Score.mean(SECOND.tolist()))
    expected = paired_bootstrap(100 * FIRST, 100 * SECOND)
    assert found.value == pytest.approx(expected.mean_difference, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_means_written_as_ratios_have_the_same_interval() -> None:
    first, second = Score.mean(FIRST.tolist()), Score.mean(SECOND.tolist())
    halved = Score(first.parts / 2, first.wholes / 2)
    plain, ratio = difference(first, second), difference(halved, second)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (plain.value, plain.low, plain.high), abs=2e-4
    )


def test_an_interval_is_as_wide_as_the_normal_approximation_says() -> None:
    found = estimate(Score.mean([0, 1] * 200))
    half = 1.96 * 100 * 0.5 / 20
    assert found.value == 50
    assert (found.low, found.high) == pytest.approx((50 - half, 50 + half), abs=0.5)


def test_seeds_are_averaged_question_by_question() -> None:
    both = pooled([Score.mean([1, 0, 1]), Score.mean([0, 0, 1])])
    assert both.parts.tolist() == [0.5, 0, 1]
    assert both.value == 50


def test_models_that_were_asked_different_questions_are_not_compared() -> None:
    with pytest.raises(InputError, match="asked 2 questions and another 3"):
        difference(Score.mean([1, 0]), Score.mean([1, 0, 1]))
    with pytest.raises(InputError, match="asked 2 questions and another 3"):
        pooled([Score.mean([1, 0]), Score.mean([1, 0, 1])])
