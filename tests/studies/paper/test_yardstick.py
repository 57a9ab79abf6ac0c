from operator import attrgetter

import pytest
import torch
from support import tiny
from torch import nn
from transformers import PreTrainedModel

from prune.checkpoint import load, save
from prune.cut import shrink
from prune.families.layers import encoder_and_original, shape_of
from prune.shape import ModelShape
from studies.paper.yardstick import with_layers, write_smaller
from trellis.errors import InputError

FOUR = ModelShape.uniform(4, tiny.NUM_HEADS, tiny.INTERMEDIATE_SIZE)


def leave_layers(model: PreTrainedModel, kept: tuple[int, ...]) -> None:
    """Take the other layers out of the model itself."""
    family = encoder_and_original(model)[0].family
    path, _, name = f"{family.encoder}.{family.layers}".rpartition(".")
    parent = attrgetter(path)(model)
    layers = getattr(parent, name)
    setattr(parent, name, nn.ModuleList([layers[index] for index in kept]))


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
@pytest.mark.parametrize("kept", [(0, 1, 2, 3), (0, 2), (3,), (2, 1)])
def test_the_smaller_model_computes_what_its_layers_compute(model_type: str, kept: tuple[int, ...]) -> None:
    model = tiny.model(model_type, FOUR)
    batch = tiny.batch_for(model)
    whole = tiny.logits(model, batch)
    smaller = with_layers(model, kept)
    assert shape_of(smaller) == ModelShape.uniform(len(kept), tiny.NUM_HEADS, tiny.INTERMEDIATE_SIZE)
    torch.testing.assert_close(tiny.logits(model, batch), whole, rtol=0, atol=0)
    leave_layers(model, kept)
    expected = tiny.logits(model, batch)
    torch.testing.assert_close(tiny.logits(smaller, batch), expected, rtol=0, atol=1e-6)
    same = torch.allclose(expected, whole, atol=1e-3)
    assert same == (kept == (0, 1, 2, 3))


def test_training_the_smaller_model_leaves_the_whole_one_alone() -> None:
    model = tiny.model(shape=FOUR)
    before = tiny.logits(model, tiny.batch_for(model))
    smaller = with_layers(model, (0, 2))
    with torch.no_grad():
        for parameter in smaller.parameters():
            parameter.zero_()
    assert torch.equal(tiny.logits(model, tiny.batch_for(model)), before)


def test_a_cut_model_is_refused() -> None:
    with pytest.raises(InputError, match="already cut"):
        with_layers(shrink(tiny.model(), tiny.UNEVEN), (0,))


def test_every_second_layer_is_written(tmp_path) -> None:
    model = tiny.model(shape=FOUR)
    save(model, tiny.tokenizer(["who sat"]), tmp_path / "whole")
    write_smaller(str(tmp_path / "whole"), tmp_path / "smaller")
    assert tiny.same_weights(load(str(tmp_path / "smaller")), with_layers(model, (0, 2)))
