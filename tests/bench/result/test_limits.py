from dataclasses import replace

import pytest
from support.measured import accuracy, compared

from bench.accuracy import Accuracy, Metric
from bench.result.comparison import Comparison
from bench.result.limits import check_limits
from bench.workload import ROLES, Workload
from prune.tasks.question_answering.significance import Interval


@pytest.fixture
def comparison(encoder, whole, cut) -> Comparison:
    return compared(encoder, whole, cut)


def test_a_limit_is_held_against_the_estimate_or_the_bound(comparison: Comparison) -> None:
    (point,) = comparison.points
    assert [limit.met for limit in check_limits([comparison], 2.22, None)] == [True]
    assert [limit.met for limit in check_limits([comparison], 2.23, None)] == [False]
    (limit,) = check_limits([comparison], 2.22, None, "bound")
    assert (limit.met, limit.found) == (False, point.speedup.low)


def test_f1_limit_looks_at_all_questions(comparison: Comparison) -> None:
    assert check_limits([comparison], None, 0.5) == []
    answered = replace(comparison, accuracy=accuracy(0.6, low=-1.5))
    assert [limit.met for limit in check_limits([answered], None, 0.5)] == [False]
    assert [limit.met for limit in check_limits([answered], None, 0.7)] == [True]
    assert [(limit.met, limit.found) for limit in check_limits([answered], None, 0.7, "bound")] == [
        (False, 1.5)
    ]
    assert check_limits([replace(comparison, accuracy=accuracy(0.6, paired=False))], None, 0.5) == []


def test_f1_limit_on_natural_questions_takes_the_kind_that_lost_more(comparison: Comparison) -> None:
    metrics = [
        Metric("F1 of long answers as served", {}, Interval(-0.2, -0.4, 0.1)),
        Metric("F1 of short answers as served", {}, Interval(-0.1, -2.0, 1.8)),
    ]
    answered = replace(comparison, accuracy=Accuracy("nq", 10, metrics, ()))
    (limit,) = check_limits([answered], None, 0.5)
    assert (limit.met, limit.found) == (True, 0.2)
    (limit,) = check_limits([answered], None, 0.5, "bound")
    assert (limit.met, limit.found) == (False, 2.0)


def test_what_arranging_brings_a_model_is_held_against_no_limit(comparison: Comparison) -> None:
    candidate, (point,) = comparison.models["candidate"], comparison.points
    of_itself = replace(
        comparison,
        models=dict.fromkeys(ROLES, candidate),
        points=[replace(point, loads={"baseline": Workload(1, 16), "candidate": Workload(2, 16)})],
        accuracy=accuracy(0.6, low=-1.5),
    )
    assert of_itself.of_itself
    assert not comparison.of_itself
    assert check_limits([of_itself], 99, 0.1) == []
    assert len(check_limits([comparison, of_itself], 99, 0.1)) == len(comparison.points)
