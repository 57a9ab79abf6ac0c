"""Gated model = cut model = both graphs = reloaded model, whatever is cut."""

from pathlib import Path

import pytest
import tiny
from graphs import DIALECTS, assert_equal_logits, graph_of, inputs_of, onnx_logits, torch_logits
from hypothesis import example, given, settings

import prune
from prune.checkpoint import save
from prune.families.layers import shape_of
from prune.gates import GatedModel
from prune.plan import Plan, keep_all
from prune.shrink import shrink

ALL = keep_all(tiny.WHOLE)
NO_HEADS = Plan(tiny.EMPTY.heads, ALL.intermediate)
NO_ACTIVATIONS = Plan(ALL.heads, tiny.EMPTY.intermediate)
ONE_OF_EACH = Plan(((3,), (0,)), ((11,), (0,)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
@settings(max_examples=15, deadline=None)
@example(tiny.EMPTY)
@example(NO_HEADS)
@example(NO_ACTIVATIONS)
@example(ONE_OF_EACH)
@given(plan=tiny.plans())
def test_gated_cut_exported_and_reloaded_models_answer_alike(
    model_type: str, folder: Path, plan: Plan
) -> None:
    whole = tiny.model(model_type)
    inputs = inputs_of(tiny.encoder(model_type), [[1] * 9, [1] * 4 + [0] * 5, [1] + [0] * 8])
    with GatedModel(whole) as gated:
        gated.set_plan(plan)
        expected = torch_logits(gated, inputs)
    cut = shrink(whole, plan)
    assert shape_of(cut) == plan.shape
    assert_equal_logits(torch_logits(cut, inputs), expected, "cut")
    save(cut, None, folder / model_type)
    reloaded = prune.load(folder / model_type)
    assert_equal_logits(torch_logits(reloaded, inputs), expected, "reloaded")
    for dialect in DIALECTS:
        graph = graph_of(cut, dialect)
        assert_equal_logits(onnx_logits(graph, inputs), expected, dialect)
        again = graph_of(reloaded, dialect)
        assert again.SerializeToString(deterministic=True) == graph.SerializeToString(deterministic=True)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_every_unit_counts(model_type: str, dialect: str) -> None:
    """The equality above would be worth little if cutting changed nothing."""
    whole = tiny.model(model_type)
    inputs = inputs_of(tiny.encoder(model_type), [[1] * 9])
    uncut = onnx_logits(graph_of(whole, dialect), inputs)
    one_head_less = Plan(((1, 2, 3), (0, 1, 2, 3)), ALL.intermediate)
    one_activation_less = Plan(ALL.heads, (tuple(range(12)), tuple(range(11))))
    for plan in (one_head_less, one_activation_less):
        cut = onnx_logits(graph_of(shrink(whole, plan), dialect), inputs)
        assert max(abs(a - b).max() for a, b in zip(cut, uncut, strict=True)) > 1e-3
