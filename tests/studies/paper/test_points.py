from pathlib import Path

import pytest

from prune.shape import LayerShape, ModelShape
from studies.paper.points import SEQ, LayerNumbers, ModelNumbers, SpeedFigures, layer_numbers, model_numbers
from studies.paper.scores import Estimate
from studies.paper.speed import read_speeds
from studies.paper.study_result import read_study_results


def models(store: Path) -> dict[str, ModelNumbers]:
    return {model.name: model for model in model_numbers(read_study_results(store), read_speeds(store))}


@pytest.mark.usefixtures("study")
def test_whole_first_then_the_cut_then_the_yardstick(store: Path) -> None:
    assert [(model.name, model.role, model.training) for model in models(store).values()] == [
        ("as it came", "whole", "none"),
        ("whole-retrain", "whole", "retrain"),
        ("l0-2-2", "pruned", "none"),
        ("l0-2-2-retrain", "pruned", "retrain"),
        ("l0-2-2-distill", "pruned", "distill"),
        ("yardstick-distill", "yardstick", "distill"),
    ]


@pytest.mark.usefixtures("study")
def test_scores_and_what_lies_between_them(store: Path) -> None:
    found = models(store)
    scores = {name: tuple(model.scores.values()) for name, model in found.items()}
    assert scores == {
        "as it came": (75, 50),
        "whole-retrain": (100, 100),
        "l0-2-2": (50, 0),
        "l0-2-2-retrain": (75, 50),
        "l0-2-2-distill": (100, 100),
        "yardstick-distill": (25, 0),
    }
    assert found["whole-retrain"].against_whole == {}
    assert found["l0-2-2-distill"].against_whole["f1"] == Estimate(0, 0, 0)
    assert found["l0-2-2"].against_whole["has_answer_f1"] == Estimate(-100, -100, -100)
    assert found["l0-2-2-retrain"].against_whole["f1"].value == -25
    assert found["as it came"].against_whole["f1"].value == -25
    assert found["l0-2-2-distill"].against_yardstick["has_answer_f1"] == Estimate(100, 100, 100)
    assert found["l0-2-2-distill"].against_retrained["f1"].value == 25
    assert not any(model.against_retrained for name, model in found.items() if name != "l0-2-2-distill")
    assert [name for name, model in found.items() if model.against_yardstick] == ["l0-2-2-distill"]


@pytest.mark.usefixtures("study")
def test_costs_by_hand(store: Path) -> None:
    found = models(store)

    def count(layers: list[tuple[int, int]]) -> tuple[int, int]:
        """(parameters, multiply-adds) of an encoder of width 8 with heads of size 2."""
        tables = (10 + 16 + 2) * 8 + 2 * 8
        per_layer = [
            (4 * 8 * 2 * heads + 3 * 2 * heads + 8) + (2 * 8 * width + width + 8) + 2 * 2 * 8
            for heads, width in layers
        ]
        products = [
            4 * SEQ * 8 * 2 * heads + 2 * SEQ * SEQ * 2 * heads + 2 * SEQ * 8 * width
            for heads, width in layers
        ]
        return tables + sum(per_layer) + 2 * 8 + 2, sum(products) + SEQ * 8 * 2

    whole, cut = count([(4, 8), (4, 8)]), count([(1, 6), (3, 2)])
    for name, expected in (("as it came", whole), ("l0-2-2", cut), ("yardstick-distill", count([(4, 8)]))):
        cost = found[name].cost
        assert cost is not None
        assert (cost.parameters, cost.multiply_adds) == expected
        assert cost.multiply_adds_fewer == pytest.approx(whole[1] / expected[1], abs=1e-4)


@pytest.mark.usefixtures("study")
def test_a_speed_holds_for_all_that_were_cut_alike(store: Path) -> None:
    found = models(store)
    for name in ("l0-2-2", "l0-2-2-retrain", "l0-2-2-distill"):
        assert found[name].speeds == (SpeedFigures(1, 384, 2.0, 1.5, 2.5),)
    assert [speed.estimate for speed in found["yardstick-distill"].speeds] == [1.9]
    assert found["whole-retrain"].speeds == ()


@pytest.mark.usefixtures("study")
def test_removed_in_percent_and_nothing_where_layers_were_left_out(store: Path) -> None:
    found = models(store)
    assert found["l0-2-2"].removed == (50, 50)
    assert found["whole-retrain"].removed == (0, 0)
    assert found["yardstick-distill"].removed is None


def test_cells_may_say_how_large_the_encoder_is_before_any_speed_is_measured(put, store: Path) -> None:
    put("l0-1-1")
    assert models(store)["l0-1-1"].cost is None
    sizes = dict.fromkeys(("vocab_size", "embedding_size", "hidden_size", "head_size", "type_vocab_size"), 2)
    encoder = {
        "model_type": "bert",
        **sizes,
        "max_position_embeddings": 4,
        "pad_token_id": 0,
        "layer_norm_eps": 1e-12,
    }
    put("l0-1-1-retrain", encoder=encoder)
    assert models(store)["l0-1-1"].cost == models(store)["l0-1-1-retrain"].cost is not None


def test_without_the_whole_model_the_points_stand_alone(put, store: Path) -> None:
    put("l0-3-3-distill")
    (model,) = models(store).values()
    assert (model.multiples, model.against_whole, model.against_yardstick) == ((3, 3), {}, {})


def test_where_the_whole_model_went_on_longer_all_are_held_against_that(put, store: Path) -> None:
    put("whole-retrain", (0, 0, 0, 0))
    put("whole-retrain-longer", (1, 1, 1, 1))
    put("transferred-1-1", (1, 1, 0, 0))
    found = models(store)
    assert "whole-retrain" not in found  # it is the one that was cut, and stands as it came
    assert found["transferred-1-1"].against_whole["f1"].value == -50
    assert found["as it came"].against_whole["f1"] == Estimate(-100, -100, -100)
    assert found["whole-retrain-longer"].against_whole == {}
    assert found["transferred-1-1"].multiples == (1, 1)


def test_what_remains_by_layer_each_cut_once(put, store: Path, whole: ModelShape, cut: ModelShape) -> None:
    harder = ModelShape((LayerShape(0, 8), LayerShape(4, 0)))
    put("whole-retrain")
    put("l0-2-2", shape=harder)
    put("l0-1-1-distill", shape=cut)
    put("l0-1-1", shape=cut)
    put("yardstick-distill")
    put("l0-heads-20-seed-0", shape=cut)
    assert layer_numbers(read_study_results(store)) == (
        LayerNumbers("l0-1-1", (1, 1), (25, 75), (75, 25)),
        LayerNumbers("l0-2-2", (2, 2), (0, 100), (100, 0)),
    )


def test_where_the_model_learned_the_task_first_that_is_how_it_came(put, store: Path) -> None:
    """It was cut then; the unpruned model that is held against the cut ones went on as long as they."""
    put("whole-retrain", (1, 1, 0, 0), (1, 0))
    put("whole-retrain-longer", (1, 1, 1, 1), (1, 1))
    put("transferred-1-1-retrain", (1, 1, 1, 0), (1, 1))
    found = models(store)
    assert {name: model.scores["f1"] for name, model in found.items()} == {
        "as it came": 50,
        "whole-retrain-longer": 100,
        "transferred-1-1-retrain": 75,
    }
    assert found["as it came"].against_whole["f1"].value == -50
    assert found["whole-retrain-longer"].against_whole == {}
