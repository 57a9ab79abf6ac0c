"""The gated model: registered values, what a gate multiplies, and the model left as it was."""

import copy

import pytest
import tiny
import torch

from prune.gates import Gate, GatedModel
from prune.layers import layers_of
from prune.plan import keep_all

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
