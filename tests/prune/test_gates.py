"""The gated model: registered values, what a gate multiplies, and the model left as it was."""

import copy
from contextlib import nullcontext

import pytest
import torch
from support import tiny

from prune.cut import shrink
from prune.families.layers import layers_of
from prune.gates import Gate, GatedModel
from prune.plan import KINDS, Kind, Plan, keep_all

LAYERS = range(tiny.NUM_LAYERS)


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_gate_values_are_parameters_of_the_wrapped_model(model_type: str) -> None:
    gated = GatedModel(tiny.model(model_type))
    parameters = {name: tuple(value.shape) for name, value in gated.named_parameters() if "gates" in name}
    assert parameters == {
        **{f"head_gates.{layer}.values": (tiny.NUM_HEADS,) for layer in LAYERS},
        **{f"intermediate_gates.{layer}.values": (tiny.INTERMEDIATE_SIZE,) for layer in LAYERS},
    }
    assert all(bool((gate.values == 1).all()) for gate in gated.gates())


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_open_gates_change_nothing_and_every_gate_is_felt(model_type: str) -> None:
    model = tiny.model(model_type)
    batch = tiny.batch_for(model)
    bare = tiny.logits(model, batch)
    with GatedModel(model) as gated:
        assert torch.equal(tiny.logits(gated, batch), bare)
        for gate in gated.gates():
            for unit in range(gate.units):
                gate.values.data[unit] = 0.5
                assert not torch.equal(tiny.logits(gated, batch), bare)
                gate.values.data[unit] = 1


def test_a_gate_multiplies_its_slice_of_the_last_axis() -> None:
    gate = Gate(units=3, width=2, like=torch.ones(()))
    gate.values.data = torch.tensor([1.0, 0.0, 10.0])
    inputs = torch.arange(1.0, 13.0).view(1, 2, 6)
    assert gate(inputs).tolist() == [[[1, 2, 0, 0, 50, 60], [7, 8, 0, 0, 110, 120]]]


def test_a_gate_may_differ_from_example_to_example() -> None:
    gate = Gate(units=2, width=1, like=torch.ones(()))
    gate.values.data = torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]]])
    assert gate(torch.ones(2, 3, 2)).tolist() == [[[1, 0]] * 3, [[0, 2]] * 3]


def test_a_plan_opens_what_it_keeps_and_closes_the_rest() -> None:
    with GatedModel(tiny.model()) as gated:
        gated.set_plan(tiny.UNEVEN)
        assert [gate.values.tolist() for gate in gated.head_gates] == [[1, 0, 1, 1], [0, 0, 0, 0]]
        assert gated.intermediate_gates[1].values.nonzero().flatten().tolist() == [1, 4, 5, 11]
        gated.set_plan(keep_all(tiny.WHOLE))
        assert all(bool((gate.values == 1).all()) for gate in gated.gates())


def test_gates_are_of_the_models_type() -> None:
    gated = GatedModel(tiny.model().double())
    assert {gate.values.dtype for gate in gated.gates()} == {torch.float64}


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_removing_the_gates_leaves_the_model_untouched(model_type: str) -> None:
    model = tiny.model(model_type)
    batch, before = tiny.batch_for(model), copy.deepcopy(model.state_dict())
    bare = tiny.logits(model, batch)
    names = [name for name, _ in model.named_modules()]
    with GatedModel(model) as gated:
        gated.set_plan(tiny.UNEVEN)
        assert not torch.equal(tiny.logits(gated, batch), bare)
    assert torch.equal(tiny.logits(model, batch), bare)
    assert [name for name, _ in model.named_modules()] == names
    assert not any(module._forward_pre_hooks for module in model.modules())
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_gates_come_off_when_something_fails() -> None:
    model = tiny.model()
    with pytest.raises(RuntimeError), GatedModel(model):
        raise RuntimeError
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_two_gated_models_do_not_disturb_one_another() -> None:
    model = tiny.model()
    batch = tiny.batch_for(model)
    outer = GatedModel(model)
    GatedModel(model).remove()
    outer.set_plan(tiny.EMPTY)
    assert sum(len(layer.output._forward_pre_hooks) for layer in layers_of(model)) == tiny.NUM_LAYERS
    assert not torch.equal(tiny.logits(outer, batch), tiny.logits(tiny.model(), batch))
    outer.remove()
    assert torch.equal(tiny.logits(model, batch), tiny.logits(tiny.model(), batch))


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
@pytest.mark.parametrize(("kind", "other"), [KINDS, KINDS[::-1]])
def test_one_kind_of_units_alone(model_type: str, kind: Kind, other: Kind) -> None:
    model = tiny.model(model_type)
    batch = tiny.batch_for(model)
    with GatedModel(model) as both, GatedModel(model, (kind,)) as one:
        ours, theirs = ({"heads": it.head_gates, "intermediate": it.intermediate_gates} for it in (one, both))
        assert (len(ours[kind]), len(ours[other])) == (tiny.NUM_LAYERS, 0)
        assert one.gates() == list(ours[kind])
        assert sum(len(module._forward_pre_hooks) for module in model.modules()) == 3 * tiny.NUM_LAYERS
        ours[kind][1].values.data[2] = 0.0
        alone = tiny.logits(one, batch)
        ours[kind][1].values.data[2] = 1.0
        theirs[kind][1].values.data[2] = 0.0
        assert torch.equal(tiny.logits(one, batch), alone)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_gate_on_its_own_gets_the_gradient_of_its_slice() -> None:
    """d/dγ of the sum of γ·x is the sum of x over everything but the unit."""
    gate = Gate(units=3, width=2, like=torch.ones((), dtype=torch.float64))
    inputs = torch.randn(4, 5, 6, dtype=torch.float64)
    gate(inputs).sum().backward()
    torch.testing.assert_close(gate.values.grad, inputs.view(-1, 3, 2).sum(dim=(0, 2)))


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_within_opened_no_gate_is_felt_and_afterwards_all_are(fails: bool) -> None:
    model = tiny.model()
    batch = tiny.batch_for(model)
    bare = tiny.logits(model, batch)
    with GatedModel(model) as gated:
        gated.set_plan(tiny.UNEVEN)
        closed = tiny.logits(gated, batch)
        with pytest.raises(RuntimeError) if fails else nullcontext(), gated.opened():
            assert torch.equal(tiny.logits(gated, batch), bare)
            if fails:
                raise RuntimeError
        assert torch.equal(tiny.logits(gated, batch), closed)
        assert not torch.equal(closed, bare)
        assert gated.head_gates[0].values.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("plan", [tiny.UNEVEN, tiny.EMPTY], ids=["uneven", "empty"])
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_a_cut_model_has_gates_for_what_is_left(model_type: str, plan: Plan) -> None:
    model = shrink(tiny.model(model_type), plan)
    batch = tiny.batch_for(model)
    bare = tiny.logits(model, batch)
    with GatedModel(model) as gated:
        assert [gate.units for gate in gated.gates()] == [
            len(kept) for kept in plan.heads + plan.intermediate
        ]
        assert torch.equal(tiny.logits(gated, batch), bare)
        gated.set_plan(tiny.EMPTY)
        emptied = tiny.logits(gated, batch)
    torch.testing.assert_close(emptied, tiny.logits(shrink(model, tiny.EMPTY), batch))
