from pathlib import Path

import pytest

from prune.shape import ModelShape
from studies.paper.methods import MethodNumbers, method_numbers
from studies.paper.scores import Estimate
from studies.paper.study_result import read_study_results
from trellis.errors import InputError

UNCUT = {"f1_by_question": [1, 1, 1, 1], "unrefused_f1_by_question": [1, 1, 1, 1]}


def numbers(store: Path) -> tuple[MethodNumbers, ...]:
    return method_numbers(read_study_results(store))


def test_scores_and_differences_by_hand(put, store: Path, cut: ModelShape) -> None:
    for name, score in (("l0", 0.75), ("gain", 0.5), ("random", 0.25)):
        put(f"{name}-ffn-50-seed-0", has_answer=[score] * 4, before=UNCUT, shape=cut)
    (found,) = numbers(store)
    assert (found.kind, found.questions, found.uncut) == ("ffn", 4, Estimate(100, 100, 100))
    assert {method: [point.score for point in points] for method, points in found.curves.items()} == {
        "random": [Estimate(25, 25, 25)],
        "gain": [Estimate(50, 50, 50)],
        "l0": [Estimate(75, 75, 75)],
    }
    assert [(each.better, each.worse, each.score) for each in found.differences] == [
        ("l0", "gain", Estimate(25, 25, 25)),
        ("gain", "random", Estimate(25, 25, 25)),
    ]


def test_differences_are_paired_by_question(put, store: Path) -> None:
    generous, strict = [1, 1, 0.5, 0.5] * 25, [0.5, 0.5, 0, 0] * 25
    put("l0-heads-20-seed-0", has_answer=generous)
    put("gain-heads-20-seed-0", has_answer=strict)
    (found,) = numbers(store)
    (change,) = found.differences
    assert change.score == Estimate(50, 50, 50)
    (l0,) = found.curves["l0"]
    assert l0.score.low < 75 < l0.score.high


def test_seeds_are_averaged_and_only_those_in_common_are_compared(put, store: Path) -> None:
    for seed, score in enumerate((0.25, 0.75)):
        put(f"gain-heads-40-seed-{seed}", has_answer=[score] * 2)
    put("l0-heads-40-seed-1", has_answer=[1, 1])
    (found,) = numbers(store)
    (gain,) = found.curves["gain"]
    assert (gain.seeds, gain.by_seed, gain.score) == ((0, 1), (25, 75), Estimate(50, 50, 50))
    (change,) = found.differences
    assert (change.seeds, change.score) == ((1,), Estimate(25, 25, 25))


def test_what_was_removed_is_counted_in_its_own_kind(put, store: Path) -> None:
    original = ModelShape.uniform(1, num_heads=4, intermediate_size=10)
    put("l0-heads-20-seed-0", shape=ModelShape.uniform(1, 3, 10), original=original)
    put("l0-heads-20-seed-1", shape=ModelShape.uniform(1, 2, 10), original=original)
    put("l0-ffn-20-seed-0", shape=ModelShape.uniform(1, 4, 8), original=original)
    heads, ffn = numbers(store)
    assert (heads.curves["l0"][0].removed, ffn.curves["l0"][0].removed) == (37.5, 20)


def test_amounts_ascend_and_what_is_missing_is_absent(put, store: Path) -> None:
    for percent in (80, 20, 40):
        put(f"l0-heads-{percent}-seed-0")
    put("gain-heads-40-seed-0")
    put("l0-1-1")
    (found,) = numbers(store)
    assert [point.percent for point in found.curves["l0"]] == [20, 40, 80]
    assert list(found.curves) == ["gain", "l0"]
    assert [(each.better, each.percent) for each in found.differences] == [("l0", 40)]


def test_cells_that_were_asked_different_questions_are_refused(put, store: Path) -> None:
    put("l0-heads-20-seed-0", has_answer=[1, 1, 1])
    put("gain-heads-20-seed-0", has_answer=[1, 1])
    with pytest.raises(InputError, match="asked 3 questions and another 2"):
        numbers(store)


def test_a_cell_without_answerable_questions_is_named(put, store: Path) -> None:
    put("l0-heads-20-seed-0", has_answer=[])
    with pytest.raises(InputError, match="l0-heads-20-seed-0 was asked no question that has an answer"):
        numbers(store)
