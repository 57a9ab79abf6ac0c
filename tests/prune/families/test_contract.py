"""What holds of every family, a new one included: what it says of its models is so, and all that is made of a
model computes the same: gated, cut, saved and loaded again, and in each dialect of the graph."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny, toy_family
from support.graphs import (
    DIALECTS,
    Inputs,
    all_values,
    assert_equal_logits,
    graph_of,
    inputs_of,
    onnx_logits,
    torch_logits,
)
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import prune
from export.graph.blocks import bounds_of
from export.graph.build import HALF_DIALECTS, build_graph
from export.graph.weights import weights_of
from export.graph.write import write_onnx
from export.parity import check_parity
from prune.checkpoint import save
from prune.cost import multiply_adds, parameters
from prune.cut import shrink
from prune.families import FAMILIES
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, layers_of, shape_of
from prune.families.no_heads import NoHeads
from prune.families.tensors import tensors_of
from prune.gates import GatedModel
from prune.plan import Plan, keep_all
from prune.shape import ModelShape
from prune.tasks.question_answering import QUESTION_ANSWERING

every_family = pytest.mark.parametrize("model_type", [*tiny.MODEL_TYPES, toy_family.TOY.model_type])


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_family.registered():
        yield


@dataclass(frozen=True)
class Sizes:
    """Of a model before it is cut."""

    whole: ModelShape
    of_the_encoder: dict[str, Any] = field(default_factory=dict)

    def encoder(self, model_type: str) -> Encoder:
        sizes = dict(self.of_the_encoder)
        if sizes and not FAMILIES[model_type].projects_embeddings:
            sizes["embedding_size"] = sizes["hidden_size"]
        if (epsilon := FAMILIES[model_type].norm_eps) is not None:
            sizes["layer_norm_eps"] = epsilon
        return tiny.encoder(model_type, **sizes)

    def model(self, model_type: str, *, seed: int = 0) -> Any:
        return tiny.random_model(self.encoder(model_type), self.whole, seed=seed)


EVEN = Sizes(tiny.WHOLE)
ODD = Sizes(
    ModelShape.uniform(3, 3, 7),
    {
        "vocab_size": 149,
        "embedding_size": 9,
        "hidden_size": 15,
        "head_size": 5,
        "max_position_embeddings": 37,
    },
)
every_size = pytest.mark.parametrize("sizes", [EVEN, ODD], ids=["even", "odd"])
few = settings(max_examples=8, deadline=None)


def named_plans(whole: ModelShape) -> dict[str, Plan]:
    """What is most likely to go wrong: all, nothing, one kind of units only, one unit of each."""
    everything = keep_all(whole)
    nothing: tuple[tuple[int, ...], ...] = ((),) * len(whole.layers)
    last = tuple((layer.num_heads - 1,) for layer in whole.layers)
    first = tuple((0,) for _ in whole.layers)
    return {
        "whole": everything,
        "empty": Plan(nothing, nothing),
        "no heads": Plan(nothing, everything.intermediate),
        "no activations": Plan(everything.heads, nothing),
        "one of each": Plan(last, first),
        "uneven": Plan(
            (*everything.heads[:1], *nothing[1:]), (*nothing[:1], (1, 4, 5), *everything.intermediate[2:])
        ),
    }


def padded(encoder: Encoder) -> Inputs:
    """Right padding down to one token, and padding on the left and within."""
    return inputs_of(encoder, [[1] * 9, [1] * 4 + [0] * 5, [1] + [0] * 8, [0] * 2 + [1] * 3 + [0] + [1] * 3])


@every_size
@every_family
def test_its_names_are_those_of_the_models_parts(model_type: str, sizes: Sizes) -> None:
    model, hidden = sizes.model(model_type), sizes.encoder(model_type).hidden_size
    assert type(model).__name__ == QUESTION_ANSWERING.class_in(FAMILIES[model_type])
    assert type(model).__module__ == FAMILIES[model_type].module
    assert shape_of(model) == sizes.whole
    for layer, expected in zip(layers_of(model), sizes.whole.layers, strict=True):
        assert (layer.num_heads, layer.intermediate_size) == (
            expected.num_heads,
            expected.intermediate_size,
        )
        assert layer.output.out_features == layer.attention_output.out_features == hidden
    table = tensors_of(sizes.encoder(model_type), sizes.whole)
    assert {tensor.key: tensor.shape for tensor in table.values()} == {
        key: tuple(value.shape) for key, value in model.state_dict().items() if value.is_floating_point()
    }


@every_size
@every_family
def test_sizes_are_read_back_from_a_models_config(model_type: str, sizes: Sizes) -> None:
    found, original = encoder_and_original(sizes.model(model_type))
    assert (found, original) == (sizes.encoder(model_type), sizes.whole)
    assert Encoder.from_dict(found.to_dict()) == found


@every_family
def test_norms_are_the_models(model_type: str) -> None:
    model = EVEN.model(model_type)
    epsilons = {module.eps for module in model.modules() if isinstance(module, torch.nn.LayerNorm)}
    assert epsilons == {encoder_and_original(model)[0].layer_norm_eps}


@every_family
def test_the_longest_sequence_fits_and_one_more_token_does_not(model_type: str) -> None:
    model, family = EVEN.model(model_type), FAMILIES[model_type]
    longest = EVEN.encoder(model_type).max_length
    assert longest == 64 - (family.pad_token_id + 1 if family.positions_follow_padding else 0)
    assert tiny.logits(model, tiny.batch_for(model, (longest,))).shape == (2, 1, longest)
    with pytest.raises((IndexError, RuntimeError)):
        tiny.logits(model, tiny.batch_for(model, (longest + 1,)))


@every_family
@given(
    plan=tiny.plans(), seed=st.integers(0, 99), lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4)
)
@few
def test_gated_is_cut(model_type: str, plan: Plan, seed: int, lengths: list[int]) -> None:
    for dtype, tolerance in ((torch.float32, 2e-5), (torch.float64, 1e-13)):
        model = EVEN.model(model_type, seed=seed).to(dtype)
        batch = tiny.batch_for(model, tuple(lengths), seed=seed)
        with GatedModel(model) as gated:
            gated.set_plan(plan)
            expected = tiny.logits(gated, batch)
        cut = shrink(model, plan)
        assert shape_of(cut) == plan.shape
        torch.testing.assert_close(tiny.logits(cut, batch), expected, rtol=0, atol=tolerance)


def assert_all_alike(model_type: str, sizes: Sizes, plan: Plan, folder: Path) -> None:
    """Gated = cut = reloaded, which is the cut one to the bit, = both of them in each dialect."""
    whole, encoder = sizes.model(model_type), sizes.encoder(model_type)
    inputs = padded(encoder)
    with GatedModel(whole) as gated:
        gated.set_plan(plan)
        expected = torch_logits(gated, inputs)
    cut = shrink(whole, plan)
    assert shape_of(cut) == plan.shape
    assert_equal_logits(torch_logits(cut, inputs), expected, "cut")
    save(cut, None, folder)
    reloaded = prune.load(folder)
    assert tiny.same_weights(cut, reloaded)
    assert_equal_logits(torch_logits(reloaded, inputs), expected, "reloaded")
    for dialect in DIALECTS:
        graph = graph_of(cut, dialect)
        assert_equal_logits(onnx_logits(graph, inputs), expected, dialect)
        again = graph_of(reloaded, dialect)
        assert again.SerializeToString(deterministic=True) == graph.SerializeToString(deterministic=True)


@every_family
@given(plan=tiny.plans())
@settings(max_examples=15, deadline=None)
def test_gated_cut_exported_and_reloaded_models_answer_alike(
    model_type: str, plan: Plan, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert_all_alike(model_type, EVEN, plan, tmp_path_factory.mktemp("models") / model_type)


@every_size
@pytest.mark.parametrize("name", named_plans(tiny.WHOLE))
@every_family
def test_so_do_those_that_lost_everything_or_nothing(
    model_type: str, name: str, sizes: Sizes, tmp_path: Path
) -> None:
    assert_all_alike(model_type, sizes, named_plans(sizes.whole)[name], tmp_path / "model")


@every_size
@pytest.mark.parametrize("name", named_plans(tiny.WHOLE))
@every_family
def test_padding_and_batch_change_no_answer(model_type: str, name: str, sizes: Sizes) -> None:
    cut = shrink(sizes.model(model_type), named_plans(sizes.whole)[name]).double()
    lengths = (9, 4, 1)
    together = tiny.logits(cut, tiny.batch_for(cut, lengths))
    for row, length in enumerate(lengths):
        alone = {name: value[row : row + 1, :length] for name, value in tiny.batch_for(cut, lengths).items()}
        torch.testing.assert_close(
            tiny.logits(cut, alone)[:, 0], together[:, row, :length], rtol=0, atol=1e-13
        )


@pytest.mark.parametrize("dialect", DIALECTS)
@every_family
def test_every_unit_counts(model_type: str, dialect: str) -> None:
    """The equality above would be worth little if cutting changed nothing."""
    whole, all_of_it = EVEN.model(model_type), keep_all(tiny.WHOLE)
    inputs = inputs_of(EVEN.encoder(model_type), [[1] * 9])
    uncut = onnx_logits(graph_of(whole, dialect), inputs)
    one_head_less = Plan(((1, 2, 3), (0, 1, 2, 3)), all_of_it.intermediate)
    one_activation_less = Plan(all_of_it.heads, (tuple(range(12)), tuple(range(11))))
    for plan in (one_head_less, one_activation_less):
        cut = onnx_logits(graph_of(shrink(whole, plan), dialect), inputs)
        assert max(abs(a - b).max() for a, b in zip(cut, uncut, strict=True)) > 1e-3


@every_family
def test_without_heads_nothing_attends(model_type: str) -> None:
    """Some releases of PyTorch end the process where attention without heads is asked for."""
    cut = shrink(EVEN.model(model_type), Plan(((), (0, 2)), ((0,), (0,))))
    found = [module for module in cut.modules() if isinstance(module, NoHeads)]
    assert len(found) == 1
    assert [layer.num_heads for layer in layers_of(cut)] == [0, 2]


@every_family
@given(plan=tiny.plans(), batch=st.integers(1, 3), seq=st.integers(1, 20))
@few
def test_multiply_adds_are_what_torch_counts(model_type: str, plan: Plan, batch: int, seq: int) -> None:
    model = shrink(EVEN.model(model_type), plan)
    inputs = tiny.batch_for(model, (seq,) * batch)
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter, torch.no_grad():  # fused attention would go uncounted
        model(**inputs)
    assert counter.get_total_flops() == 2 * multiply_adds(
        EVEN.encoder(model_type), plan.shape, batch=batch, seq=seq
    )


@every_family
@given(plan=tiny.plans())
@few
def test_parameters_are_those_of_the_model(model_type: str, plan: Plan) -> None:
    model = shrink(EVEN.model(model_type), plan)
    assert parameters(EVEN.encoder(model_type), plan.shape) == sum(p.numel() for p in model.parameters())


@every_size
@pytest.mark.parametrize("dialect", HALF_DIALECTS)
@every_family
def test_half_precision_is_the_model_but_for_rounding_and_nothing_passes_its_bound(
    model_type: str, dialect: str, sizes: Sizes, tmp_path: Path
) -> None:
    encoder, whole = sizes.encoder(model_type), sizes.model(model_type)
    for plan in named_plans(sizes.whole).values():
        cut = shrink(whole, plan)
        weights = weights_of(cut)
        write_onnx(
            build_graph(encoder, plan.shape, weights, dialect=dialect, precision="fp16"),
            tmp_path / "half.onnx",
        )
        assert check_parity(cut, tmp_path / "half.onnx", "fp16").max_relative < 5e-3
        bounds = bounds_of(encoder, plan.shape, weights).largest
        seen = all_values(graph_of(cut, "portable"), list(bounds), padded(encoder))
        assert [name for name, value in seen.items() if value > bounds[name] * (1 + 1e-5)] == []
        assert all(np.isfinite(bound) for bound in bounds.values())
