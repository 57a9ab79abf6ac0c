"""Which threshold a model is served with: near the uncut model's habit, fitted on other questions than it judges."""

from dataclasses import replace

import numpy as np
import pytest

from prune.tasks.question_answering.refusal import (
    MOST_FOLDS,
    Choices,
    Habit,
    fitted_threshold,
    folds,
    thresholds_by_fold,
)
from prune.tasks.question_answering.settings import ALWAYS_ANSWER, DecodingSettings


def choices(odds: list[float], scores: list[float | None]) -> Choices:
    """SQuAD's: the score of answering each question, 0 to 1; None where there is no answer."""
    has_answer = np.array([score is not None for score in scores])
    answered = np.array([0.0 if score is None else score for score in scores])
    ones = np.ones(len(scores))
    return Choices(has_answer, ones > 0, np.array(odds), answered, ones, (~has_answer).astype(float), ones)


def drawn(count: int, skill: float, seed: int = 0) -> Choices:
    """Half of the questions have no answer; with `skill` 0 the odds tell nothing."""
    rng = np.random.default_rng(seed)
    scores = [None if index % 2 else float(rng.random() < 0.7) for index in range(count)]
    return choices([rng.normal() + skill * (score is None) for score in scores], scores)


def f1(given: Choices, threshold: float) -> float:
    parts, wholes = given.ratio(given.refused_at(threshold))
    return 100 * float(parts.sum() / wholes.sum())


def best_f1(given: Choices) -> float:
    return max(f1(given, at) for at in (-np.inf, *given.null_odds))


def test_it_lies_midway_between_two_questions_where_they_are_told_apart() -> None:
    given = choices([-3.0, 1.0, -1.0, 0.0], [1, None, 1, None])
    assert fitted_threshold(given, Habit(0.0, 0.5)) == -0.5
    assert f1(given, -0.5) == 100


@pytest.mark.parametrize("score", [None, 1.0])
def test_there_is_nothing_to_learn_from_questions_of_one_kind(score: float | None) -> None:
    assert fitted_threshold(choices([1.0, 2.0], [score, score]), Habit(0.0, 0.5)) is None


def test_there_is_nothing_to_learn_where_no_answer_is_right_and_refusing_scores_nothing() -> None:
    given = replace(choices([1.0, 2.0, 3.0], [0.0, None, 0.0]), refused_parts=np.zeros(3))
    assert fitted_threshold(given, Habit(0.0, 0.5)) is None


@pytest.mark.parametrize("habit", [0.0, 0.2, 0.5, 0.9])
def test_a_model_that_refuses_at_random_is_not_served_by_refusing_everything(habit: float) -> None:
    given = drawn(1000, skill=0)
    assert best_f1(given) < 52  # refusing everything scores 50, answering everything 35
    at = fitted_threshold(given, Habit(0.0, habit))
    assert at is not None
    refused = given.refused_at(at).mean()
    parts, _ = given.ratio(given.refused_at(at))
    error = 100 * parts.std() / np.sqrt(1000)
    assert f1(given, at) >= best_f1(given) - 1.1 * error
    # as near to the habit as one standard error of F1 allows: of no better threshold is the share nearer
    for other in given.null_odds:
        if f1(given, other) >= f1(given, at) + 0.01:
            assert abs(given.refused_at(other).mean() - habit) >= abs(refused - habit) - 1e-9


def test_a_model_that_can_tell_keeps_its_habit_where_that_costs_nothing() -> None:
    given = drawn(2000, skill=3)
    shares = {
        habit: given.refused_at(fitted_threshold(given, Habit(0.0, habit)) or 0.0).mean()
        for habit in (0.4, 0.5, 0.6)
    }
    assert shares[0.4] < shares[0.5] < shares[0.6]
    assert shares[0.5] == pytest.approx(0.5, abs=0.001)  # the habit itself is within the error
    assert all(0.4 < share < 0.6 for share in shares.values())


def test_the_more_questions_the_nearer_to_the_best() -> None:
    lost = [
        best_f1(given) - f1(given, fitted_threshold(given, Habit(0.0, 0.0)) or 0.0)
        for given in (drawn(100, 1), drawn(10_000, 1))
    ]
    assert lost[0] > 2 > 0.6 > lost[1] > 0


def test_questions_of_equal_odds_are_not_parted_and_none_is_infinite() -> None:
    given = choices([0.0, 0.0, 0.0, np.inf], [1, None, 1, None])
    at = fitted_threshold(given, Habit(0.0, 0.0))
    assert at == 0.0  # the next odds are infinite: nothing lies midway
    assert given.refused_at(at).tolist() == [False, False, False, True]
    DecodingSettings(null_threshold=at)
    hopeless = fitted_threshold(choices([np.inf, np.inf], [1, None]), Habit(0.0, 0.0))
    assert hopeless is not None
    assert hopeless <= ALWAYS_ANSWER


def test_folds_part_no_group_and_are_about_equally_large() -> None:
    groups = ["a"] * 40 + ["b"] * 30 + ["c"] * 10 + ["d"] * 10 + ["e"] * 10 + ["f"] * 5 + ["a"] * 3
    fold = folds(groups)
    assert {len(set(fold[np.array(groups) == group])) for group in "abcdef"} == {1}
    assert len(set(fold.tolist())) == MOST_FOLDS
    assert sorted(np.bincount(fold).tolist()) == [10, 10, 15, 30, 43]
    assert folds(groups).tolist() == fold.tolist()
    assert sorted(set(folds(["x", "y"]).tolist())) == [0, 1]


def test_no_question_is_judged_by_a_threshold_that_was_fitted_on_its_fold() -> None:
    given, habit = drawn(500, 1), Habit(0.0, 0.3)
    fold = folds([index // 25 for index in range(500)])
    before = thresholds_by_fold(given, fold, habit)
    inside = fold == 2
    # were these questions others altogether, they would be judged as they were, and the others not
    turned = replace(given, null_odds=np.where(inside, -given.null_odds - 5, given.null_odds))
    after = thresholds_by_fold(turned, fold, habit)
    assert (before[inside] == after[inside]).all()
    assert (before[~inside] != after[~inside]).any()


def test_where_nothing_can_be_learnt_elsewhere_the_threshold_that_came_serves() -> None:
    given = choices([1.0, 2.0, 3.0], [1, 1, None])
    found = thresholds_by_fold(given, np.array([0, 0, 1]), Habit(7.25, 0.1))
    assert found.tolist() == [7.25, 7.25, 7.25]
