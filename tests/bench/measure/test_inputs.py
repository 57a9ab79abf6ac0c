from dataclasses import replace

import numpy as np
import pytest

from bench.measure.inputs import inputs_of, random_inputs
from bench.workload import Traffic, Workload
from trellis.errors import InputError


@pytest.mark.parametrize("pad", [0, 1, 4])
def test_ids_are_all_of_the_vocabulary_but_the_pad_token(encoder, pad: int) -> None:
    small = replace(encoder, vocab_size=5, pad_token_id=pad)
    ids = random_inputs(small, Workload(8, 100))["input_ids"]
    assert set(np.unique(ids)) == set(range(5)) - {pad}


def test_inputs_are_int64_full_and_repeatable(encoder) -> None:
    inputs = random_inputs(encoder, Workload(2, 6))
    assert {name: (array.shape, array.dtype) for name, array in inputs.items()} == {
        name: ((2, 6), np.dtype(np.int64)) for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    assert inputs["attention_mask"].all()
    assert inputs["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1]] * 2
    again = random_inputs(encoder, Workload(2, 6))
    assert all((inputs[name] == again[name]).all() for name in inputs)
    assert (inputs["input_ids"][0] != inputs["input_ids"][1]).any()


def test_models_with_one_token_type_get_none(encoder) -> None:
    assert "token_type_ids" not in random_inputs(replace(encoder, type_vocab_size=1), Workload(1, 4))


def test_length_ends_with_the_positions(encoder) -> None:
    assert random_inputs(encoder, Workload(1, 128))["input_ids"].shape == (1, 128)
    with pytest.raises(InputError, match="seq is 129, and the model has positions for 128"):
        random_inputs(encoder, Workload(1, 129))
    roberta = replace(encoder, model_type="roberta", pad_token_id=1)
    with pytest.raises(InputError, match="positions for 126"):
        random_inputs(roberta, Workload(1, 127))


def test_a_vocabulary_of_nothing_but_padding_is_refused(encoder) -> None:
    with pytest.raises(InputError, match="pad token alone"):
        random_inputs(replace(encoder, vocab_size=1), Workload(1, 4))


def test_traffic_pads_each_row_behind_its_own_length(encoder) -> None:
    first, second = inputs_of(encoder, Traffic("in turn", ((6, 2), (3,)), None, 3))
    assert first["attention_mask"].tolist() == [[1] * 6, [1, 1, 0, 0, 0, 0]]
    assert (first["input_ids"] == encoder.pad_token_id).tolist() == [[False] * 6, [False] * 2 + [True] * 4]
    assert second["attention_mask"].tolist() == [[1] * 3]
    (padded, _) = inputs_of(encoder, Traffic("padded", ((6, 2), (3,)), 8, 3))
    assert padded["attention_mask"].sum(1).tolist() == [6, 2]
    assert padded["input_ids"].shape == (2, 8)
    (plain,) = inputs_of(encoder, Workload(2, 6))
    assert all((plain[name] == random_inputs(encoder, Workload(2, 6))[name]).all() for name in plain)
