"""Cutting: which rows and columns stay, what else stays as it is, and what is refused."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny

from prune.cut import resize, shrink
from prune.families.layers import layers_of, shape_of
from prune.plan import Kept, Plan, keep_all
from prune.shape import LayerShape, ModelShape
from trellis.errors import InputError

every_architecture = pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
few = settings(max_examples=8, deadline=None)


@every_architecture
def test_the_model_itself_stays_as_it_is(model_type: str) -> None:
    model = tiny.model(model_type)
    before, config = copy.deepcopy(model.state_dict()), model.config.to_dict()
    cut = shrink(model, tiny.UNEVEN)
    for parameter in cut.parameters():
        parameter.data.fill_(7)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.config.to_dict() == config
    assert shape_of(model) == tiny.WHOLE


@every_architecture
@given(data=st.data())
@few
def test_cutting_twice_is_cutting_once(model_type: str, data: st.DataObject) -> None:
    first = data.draw(tiny.plans())
    second = data.draw(tiny.plans(first.shape))
    model = tiny.model(model_type)
    twice, once = shrink(shrink(model, first), second), shrink(model, _compose(first, second))
    assert twice.config.to_dict() == once.config.to_dict()
    assert list(twice.state_dict()) == list(once.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(twice.parameters(), once.parameters(), strict=True))
    batch = tiny.batch_for(model)
    assert torch.equal(tiny.logits(twice, batch), tiny.logits(once, batch))


@every_architecture
@pytest.mark.parametrize("plan", [tiny.UNEVEN, tiny.EMPTY], ids=["uneven", "empty"])
def test_a_cut_model_trains_with_empty_layers(model_type: str, plan: Plan) -> None:
    cut = shrink(tiny.model(model_type), plan).train()
    optimizer = torch.optim.SGD(cut.parameters(), lr=0.1)
    batch = tiny.labelled(tiny.batch_for(cut))
    before = copy.deepcopy(cut.state_dict())
    loss = cut(**batch).loss
    loss.backward()
    optimizer.step()
    assert bool(torch.isfinite(loss))
    assert all(parameter.grad is not None for parameter in cut.parameters() if parameter.numel())
    assert not torch.equal(before["qa_outputs.weight"], cut.state_dict()["qa_outputs.weight"])
    assert all(bool(torch.isfinite(value).all()) for value in cut.state_dict().values())


@every_architecture
@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable")  # renamed on the way to 6
@pytest.mark.parametrize("plan", [tiny.UNEVEN, tiny.EMPTY], ids=["uneven", "empty"])
def test_a_cut_model_gives_hidden_states_and_saves_memory_as_the_stock_one_does(
    model_type: str, plan: Plan
) -> None:
    cut = shrink(tiny.model(model_type), plan)
    batch = tiny.labelled(tiny.batch_for(cut))
    outputs = cut(**batch, output_hidden_states=True)
    assert [state.shape for state in outputs.hidden_states] == [(3, 9, 16)] * (1 + tiny.NUM_LAYERS)
    assert len(cut(**batch, return_dict=False)) == 3
    cut.gradient_checkpointing_enable({"use_reentrant": False})
    torch.testing.assert_close(cut(**batch).loss, outputs.loss)


def test_rows_and_columns_are_the_kept_ones() -> None:
    model = tiny.model()
    cut = layers_of(shrink(model, Plan(((0, 2), (1,)), ((3, 5), ()))))[0]
    whole = layers_of(model)[0]
    rows = [0, 1, 2, 3, 8, 9, 10, 11]
    for name in ("attention/query", "attention/key", "attention/value"):
        assert torch.equal(cut.linears[name].weight, whole.linears[name].weight[rows])
        assert torch.equal(cut.linears[name].bias, whole.linears[name].bias[rows])
    assert torch.equal(cut.attention_output.weight, whole.attention_output.weight[:, rows])
    assert torch.equal(cut.attention_output.bias, whole.attention_output.bias)
    intermediate = "ffn/intermediate"
    assert torch.equal(cut.linears[intermediate].weight, whole.linears[intermediate].weight[[3, 5]])
    assert torch.equal(cut.linears[intermediate].bias, whole.linears[intermediate].bias[[3, 5]])
    assert torch.equal(cut.output.weight, whole.output.weight[:, [3, 5]])
    assert torch.equal(cut.output.bias, whole.output.bias)


def test_a_cut_model_keeps_type_mode_and_what_is_frozen() -> None:
    model = tiny.model().half().train()
    layers = layers_of(model)
    layers[0].linears["attention/query"].requires_grad_(False)
    layers[1].output.weight.requires_grad_(False)  # its bias goes on learning
    cut = shrink(model, Plan(((0,), (1,)), ((0,), (1,))))
    assert type(cut) is type(model)
    assert all(module.training for module in cut.modules())
    assert {parameter.dtype for parameter in cut.parameters()} == {torch.float16}
    assert [name for name, parameter in cut.named_parameters() if not parameter.requires_grad] == [
        name for name, parameter in model.named_parameters() if not parameter.requires_grad
    ]


def test_the_config_says_the_shape_while_it_differs_from_the_original() -> None:
    model = tiny.model()
    cut = shrink(model, tiny.UNEVEN)
    assert cut.config.espalier_shape == {"num_heads": [3, 0], "intermediate_size": [0, 4]}
    assert cut.config.num_attention_heads == tiny.NUM_HEADS
    assert not hasattr(shrink(model, keep_all(tiny.WHOLE)).config, "espalier_shape")


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (Plan(((0,),), ((0,),)), "covers 1 layers; the model has 2"),
        (Plan(((0, 4), ()), ((), ())), "keeps heads in layer 0 that are not among its 4"),
        (Plan(((), (-1, 0)), ((), ())), "keeps heads in layer 1"),
        (Plan(((), ()), ((), (3, 3))), "activations in layer 1 that are not among its 12, each once"),
        (Plan(((), ()), ((1, 0), ())), "activations in layer 0"),
    ],
)
def test_plans_for_another_model_are_refused(plan: Plan, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        shrink(tiny.model(), plan)


def test_no_shape_grows_a_model() -> None:
    with pytest.raises(InputError, match="num_heads 5 in layer 1; the model has 4 there"):
        resize(tiny.model(), ModelShape((LayerShape(4, 12), LayerShape(5, 12))))


def _compose(first: Plan, second: Plan) -> Plan:
    def through(outer: Kept, inner: Kept) -> Kept:
        return tuple(tuple(a[index] for index in b) for a, b in zip(outer, inner, strict=True))

    return Plan(through(first.heads, second.heads), through(first.intermediate, second.intermediate))
