"""A model run one layer at a time computes what it does as a whole."""

from collections.abc import Iterator

import pytest
import torch
from support import tiny, toy_family, training

from prune.cut import shrink
from prune.families.layers import layers_of
from prune.methods.reconstruction.inputs import batches_of
from prune.methods.reconstruction.streams import Stream

every_family = pytest.mark.parametrize("model_type", [*tiny.MODEL_TYPES, toy_family.TOY.model_type])


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_family.registered():
        yield


@every_family
@pytest.mark.parametrize("plan", [None, tiny.UNEVEN, tiny.EMPTY], ids=["whole", "uneven", "empty"])
def test_layer_by_layer_equals_the_whole_pass(model_type: str, plan: object) -> None:
    model = tiny.model(model_type)
    model = shrink(model, plan) if plan else model  # type: ignore[arg-type]
    batches = batches_of(model, training.windows(6, longest=12), 1, 3)
    final: list[torch.Tensor] = []
    hook = model.qa_outputs.register_forward_pre_hook(lambda _, inputs: final.append(inputs[0]))
    with torch.no_grad():
        for batch in batches:
            model(**batch)
    hook.remove()
    stream = Stream(model, batches)
    for index in range(tiny.NUM_LAYERS):
        assert stream.index == index
        stream.advance()
    for ours, theirs, batch in zip(stream.states, final, batches, strict=True):
        mask = batch["attention_mask"] == 1
        torch.testing.assert_close(ours[mask], theirs[mask])


@every_family
def test_what_is_caught_is_what_the_linears_read_and_give(model_type: str) -> None:
    model = tiny.model(model_type)
    batches = batches_of(model, training.windows(4), 1, 4)
    layers = layers_of(model)
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        layers[1].output.register_forward_pre_hook(lambda _, inputs: seen.update(read=inputs[0])),
        layers[1].attention_output.register_forward_hook(lambda _, __, out: seen.update(given=out)),
    ]
    with torch.no_grad():
        model(**batches[0])
    for hook in hooks:
        hook.remove()
    stream = Stream(model, batches)
    stream.advance()
    read, given = stream.caught(0, [layers[1].output], [layers[1].attention_output])
    torch.testing.assert_close(read[0], seen["read"])
    torch.testing.assert_close(given[0], seen["given"])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
