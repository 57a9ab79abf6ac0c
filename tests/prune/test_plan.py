"""From scores to kept units: how many go, which, and what rounding adds back."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prune.plan import Plan, Scores, keep_all, plan_above, plan_fractions, plan_shape
from prune.shape import LayerShape, ModelShape
from trellis.errors import InputError

vectors = st.lists(st.integers(-3, 3), max_size=12).map(lambda values: np.array(values, dtype=float))
fractions = st.floats(0, 1, exclude_max=True)


@st.composite
def scores(draw: st.DrawFn) -> Scores:
    """Few distinct values, so that ties abound; some layers empty."""
    layers = draw(st.integers(1, 4))
    return Scores(
        tuple(draw(vectors) for _ in range(layers)),
        tuple(draw(vectors) for _ in range(layers)),
    )


def of(*layers: list[float]) -> Scores:
    """Scores of the activations alone; each layer has one head."""
    return Scores(tuple(np.ones(1) for _ in layers), tuple(np.array(layer, dtype=float) for layer in layers))


def kept(wanted: Scores, fraction: float, multiple_of: int = 1) -> tuple[tuple[int, ...], ...]:
    return plan_fractions(wanted, heads=0, intermediate=fraction, multiple_of=multiple_of).intermediate


@given(scores(), fractions, fractions)
def test_exactly_the_rounded_fraction_goes(scores: Scores, heads: float, intermediate: float) -> None:
    shape = plan_fractions(scores, heads=heads, intermediate=intermediate).shape
    for fraction, vectors, left in (
        (heads, scores.heads, shape.num_heads),
        (intermediate, scores.intermediate, shape.intermediate_size),
    ):
        units = sum(map(len, vectors))
        assert units - left == round(fraction * units)


@given(scores(), fractions)
def test_what_goes_comes_first_by_score_then_layer_then_index(scores: Scores, fraction: float) -> None:
    plan = plan_fractions(scores, heads=fraction, intermediate=0)
    units = [
        (value, layer, index)
        for layer, vector in enumerate(scores.heads)
        for index, value in enumerate(vector)
    ]
    stays = sorted(units)[round(fraction * len(units)) :]
    assert {(layer, index) for _, layer, index in stays} == {
        (layer, index) for layer, indices in enumerate(plan.heads) for index in indices
    }


@given(scores(), fractions, st.integers(1, 8))
def test_rounding_adds_the_best_removed_units_back_and_no_more(
    scores: Scores, fraction: float, multiple_of: int
) -> None:
    exact, rounded = kept(scores, fraction), kept(scores, fraction, multiple_of)
    for vector, before, after in zip(scores.intermediate, exact, rounded, strict=True):
        assert set(before) <= set(after)
        assert len(after) - len(before) < multiple_of
        assert len(after) % multiple_of == 0 or len(after) == len(vector)
        assert bool(after) == bool(before)
        added, gone = set(after) - set(before), set(range(len(vector))) - set(after)
        assert all(vector[unit] >= vector[other] for unit in added for other in gone)


@given(scores(), fractions, st.integers(1, 8))
def test_heads_are_never_rounded(scores: Scores, fraction: float, multiple_of: int) -> None:
    plans = [plan_fractions(scores, heads=fraction, intermediate=0, multiple_of=m) for m in (1, multiple_of)]
    assert plans[0].heads == plans[1].heads


@given(scores())
@settings(max_examples=20)
def test_removing_nothing_keeps_all(scores: Scores) -> None:
    pairs = zip(scores.heads, scores.intermediate, strict=True)
    shape = ModelShape(tuple(LayerShape(len(heads), len(units)) for heads, units in pairs))
    assert plan_fractions(scores, heads=0, intermediate=0) == keep_all(shape)


def test_ties_go_from_the_first_layer_and_the_first_index() -> None:
    assert kept(of([1, 1, 1], [1, 1, 1]), 0.5) == ((), (0, 1, 2))
    assert kept(of([1, 1, 1], [1, 1, 1]), 0.34) == ((2,), (0, 1, 2))


def test_a_layer_may_lose_everything_and_stays_empty_when_rounded() -> None:
    assert kept(of([0, 0, 0, 0], [5, 1, 6, 7]), 0.5) == ((), (0, 1, 2, 3))
    assert kept(of([0, 0, 0, 0], [5, 1, 6, 7]), 0.5, multiple_of=8) == ((), (0, 1, 2, 3))


def test_rounding_up_stops_at_what_the_layer_had() -> None:
    assert kept(of([4, 3, 2, 1, 0]), 0.6, multiple_of=4) == ((0, 1, 2, 3),)
    assert kept(of([4, 3, 2, 1, 0]), 0.6, multiple_of=8) == ((0, 1, 2, 3, 4),)


def test_infinite_scores_are_an_order_like_any_other() -> None:
    assert kept(of([np.inf, 0, -np.inf, 1]), 0.5) == ((0, 3),)


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="not numbers"):
        kept(of([1, np.nan]), 0.5)
    with pytest.raises(InputError, match="not numbers"):
        plan_shape(of([1, np.nan]), ModelShape.uniform(1, 1, 1))


@pytest.mark.parametrize("fraction", [-0.01, 1.0, 48, float("nan"), float("inf"), "0.5"])
def test_fractions_lie_in_zero_to_one(fraction: float) -> None:
    with pytest.raises(InputError, match=f"heads to remove is {fraction}; expected at least 0 and below 1"):
        plan_fractions(of([1]), heads=fraction, intermediate=0)
    with pytest.raises(InputError, match=f"activations to remove is {fraction}; expected"):
        plan_fractions(of([1]), heads=0, intermediate=fraction)


def test_multiples_start_at_one() -> None:
    with pytest.raises(InputError, match="multiples of 0"):
        kept(of([1]), 0, multiple_of=0)


@given(scores(), st.data())
def test_a_given_shape_keeps_the_best_of_each_layer(scores: Scores, data: st.DataObject) -> None:
    shape = ModelShape(
        tuple(
            LayerShape(data.draw(st.integers(0, len(heads))), data.draw(st.integers(0, len(units))))
            for heads, units in zip(scores.heads, scores.intermediate, strict=True)
        )
    )
    plan = plan_shape(scores, shape)
    assert plan.shape == shape
    for vector, indices in zip(
        scores.heads + scores.intermediate, plan.heads + plan.intermediate, strict=True
    ):
        gone = set(range(len(vector))) - set(indices)
        assert all(vector[unit] >= vector[other] for unit in indices for other in gone)


def test_a_shape_larger_than_the_model_is_refused() -> None:
    with pytest.raises(InputError, match="num_heads 2 in layer 0; the model has 1"):
        plan_shape(of([1, 2]), ModelShape.uniform(1, 2, 2))


def test_keep_all_is_the_identity() -> None:
    assert keep_all(ModelShape((LayerShape(2, 3), LayerShape(0, 1)))) == Plan(((0, 1), ()), ((0, 1, 2), (0,)))


@given(scores(), st.integers(-4, 4), st.integers(1, 8))
def test_what_scores_above_the_threshold_stays(scores: Scores, threshold: int, multiple_of: int) -> None:
    plan = plan_above(scores, threshold)
    for vectors, kept in ((scores.heads, plan.heads), (scores.intermediate, plan.intermediate)):
        assert kept == tuple(tuple(np.flatnonzero(vector > threshold).tolist()) for vector in vectors)
    rounded = plan_above(scores, threshold, multiple_of=multiple_of)
    assert rounded.heads == plan.heads
    for vector, before, after in zip(
        scores.intermediate, plan.intermediate, rounded.intermediate, strict=True
    ):
        assert set(before) <= set(after)
        assert len(after) == min(len(vector), -(-len(before) // multiple_of) * multiple_of)
        added, gone = set(after) - set(before), set(range(len(vector))) - set(after)
        assert all(vector[unit] >= vector[other] for unit in added for other in gone)


def test_infinite_thresholds_keep_all_or_nothing() -> None:
    scores = of([1, -2], [3])
    assert plan_above(scores, -np.inf) == Plan(((0,), (0,)), ((0, 1), (0,)))
    assert plan_above(scores, np.inf) == Plan(((), ()), ((), ()))


def test_scores_that_are_no_numbers_are_above_no_threshold() -> None:
    with pytest.raises(InputError, match="not numbers"):
        plan_above(of([1, np.nan]), 0.0)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    kept = st.sets(st.integers(0, 9)).map(lambda units: tuple(sorted(units)))
    layers = draw(st.integers(0, 4))
    heads, intermediate = (tuple(draw(kept) for _ in range(layers)) for _ in range(2))
    return Plan(heads, intermediate)


@given(plans())
def test_plain_values_and_back(plan: Plan) -> None:
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "A plan has 'heads' and 'intermediate', and nothing else; this has list"),
        (None, "this has NoneType"),
        ({"heads": []}, r"this has \['heads'\]"),
        ({"heads": [], "intermediate": [], 3: []}, r"this has \['3', 'heads', 'intermediate'\]"),
        ({"heads": {}, "intermediate": []}, "plan's heads are a dict; expected one list for each layer"),
        ({"heads": [], "intermediate": "no"}, "plan's intermediate are a str"),
        ({"heads": [[0]], "intermediate": [[0], [1]]}, "heads of 1 layers and activations of 2"),
        ({"heads": [[0], 1], "intermediate": [[], []]}, "heads of layer 1 are not whole numbers"),
        ({"heads": [[-1]], "intermediate": [[]]}, "heads of layer 0 are not whole numbers of at least 0"),
        ({"heads": [[]], "intermediate": [[1.0]]}, "intermediate of layer 0 are not whole numbers"),
        ({"heads": [[True]], "intermediate": [[]]}, "heads of layer 0"),
        ({"heads": [["0"]], "intermediate": [[]]}, "heads of layer 0"),
        ({"heads": [[1, 0]], "intermediate": [[]]}, "heads of layer 0 are not .* each once and ascending"),
        ({"heads": [[1, 1]], "intermediate": [[]]}, "heads of layer 0 are not .* each once and ascending"),
    ],
)
def test_what_is_no_plan_is_refused(data: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Plan.from_dict(data)
