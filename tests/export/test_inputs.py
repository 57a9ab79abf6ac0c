"""The graph on inputs of any size and any mask: one row or many, one token or the most, padded anywhere."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from support import tiny
from support.graphs import (
    DIALECTS,
    OUTPUTS,
    UNEQUAL,
    assert_equal_logits,
    graph_of,
    inputs_of,
    onnx_logits,
    onnx_session,
    torch_logits,
)

from export.ports import input_names


def masks_of_all_kinds(longest: int) -> dict[str, list[list[int]]]:
    """0/1 masks that differ from each other in batch, length and where the padding is."""
    return {
        "one token": [[1]],
        "odd length": [[1] * 17],
        "longest": [[1] * longest],
        "batch of 16": [[1] * length + [0] * (16 - length) for length in range(1, 17)],
        "right padding": [[1] * 11, [1] * 6 + [0] * 5],
        "left padding": [[1] * 11, [0] * 5 + [1] * 6],
        "holes": [[1, 0, 1, 1, 0, 0, 1, 1, 0], [1, 1, 1, 0, 1, 0, 1, 0, 1]],
        "a row of one token beside the longest": [[1] * longest, [1] + [0] * (longest - 1)],
        "a row of one token, last": [[1] * 7, [0] * 6 + [1]],
    }


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_any_batch_length_and_mask(model_type: str, dialect: str) -> None:
    encoder = tiny.encoder(model_type)
    model = tiny.model(model_type, UNEQUAL)
    session = onnx_session(graph_of(model, dialect))
    for name, masks in masks_of_all_kinds(encoder.max_length).items():
        inputs = inputs_of(encoder, masks)
        assert_equal_logits(onnx_logits(session, inputs), torch_logits(model, inputs), name)


@st.composite
def masks(draw: st.DrawFn) -> list[list[int]]:
    """Any 0/1 mask with a token in every row."""
    batch, length = draw(st.integers(1, 5)), draw(st.integers(1, 48))
    rows = []
    for _ in range(batch):
        row = draw(st.lists(st.integers(0, 1), min_size=length, max_size=length))
        row[draw(st.integers(0, length - 1))] = 1
        rows.append(row)
    return rows


@pytest.fixture(scope="module", params=["bert", "roberta"])
def answering(request: pytest.FixtureRequest) -> Any:
    """A model with a session of each of its graphs."""
    model = tiny.model(request.param, UNEQUAL)
    return request.param, model, [onnx_session(graph_of(model, dialect)) for dialect in DIALECTS]


@settings(max_examples=25, deadline=None)
@given(masks=masks())
def test_random_masks(answering: Any, masks: list[list[int]]) -> None:
    model_type, model, sessions = answering
    inputs = inputs_of(tiny.encoder(model_type), masks)
    expected = torch_logits(model, inputs)
    for session in sessions:
        assert_equal_logits(onnx_logits(session, inputs), expected)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", ["roberta", "xlm-roberta", "camembert"])
def test_roberta_counts_positions_past_pads(model_type: str, dialect: str) -> None:
    """Positions follow the token ids, not the mask: a pad token within is skipped even where it is attended to."""
    encoder = tiny.encoder(model_type)
    model = tiny.model(model_type, UNEQUAL)
    graph = graph_of(model, dialect)
    inputs = inputs_of(encoder, [[1] * 8, [1] * 8])
    inputs["input_ids"][:, [2, 5]] = encoder.pad_token_id
    expected = torch_logits(model, inputs)
    assert_equal_logits(onnx_logits(graph, inputs), expected)
    inputs["input_ids"][:, [2, 5]] = encoder.pad_token_id + 1
    assert abs(onnx_logits(graph, inputs)[0] - expected[0])[:, 6:].max() > 1e-3


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("pad_token_id", [0, 3])
def test_roberta_with_another_pad_token(pad_token_id: int, dialect: str) -> None:
    encoder = tiny.encoder("roberta", pad_token_id=pad_token_id)
    longest = encoder.max_length
    assert longest == 64 - pad_token_id - 1
    model = tiny.model("roberta", UNEQUAL, pad_token_id=pad_token_id)
    inputs = inputs_of(encoder, [[1] * longest, [1] * 5 + [0] * (longest - 5)])
    assert_equal_logits(onnx_logits(graph_of(model, dialect), inputs), torch_logits(model, inputs))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_without_token_types_torch_takes_what_the_graph_takes_for_zeros(
    model_type: str, dialect: str
) -> None:
    encoder = tiny.encoder(model_type)
    model = tiny.model(model_type, UNEQUAL)
    inputs = inputs_of(encoder, [[1] * 9, [1] * 5 + [0] * 4])
    if "token_type_ids" in inputs:
        inputs["token_type_ids"][:] = 0
    found = onnx_logits(graph_of(model, dialect), inputs)
    assert_equal_logits(
        found, torch_logits(model, {k: v for k, v in inputs.items() if k != "token_type_ids"})
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("type_vocab_size", [1, 2, 3])
@pytest.mark.parametrize("model_type", ["bert", "roberta", "electra"])
def test_token_types(model_type: str, type_vocab_size: int, dialect: str) -> None:
    encoder = tiny.encoder(model_type, type_vocab_size=type_vocab_size)
    model = tiny.model(model_type, UNEQUAL, type_vocab_size=type_vocab_size)
    names = input_names(encoder)
    assert ("token_type_ids" in names) == (type_vocab_size > 1)
    inputs = inputs_of(encoder, [[1] * 9, [1] * 5 + [0] * 4])
    expected = torch_logits(model, inputs)
    assert_equal_logits(onnx_logits(graph_of(model, dialect), inputs), expected)
    if type_vocab_size > 1:
        inputs["token_type_ids"] = (inputs["token_type_ids"] + 1) % type_vocab_size
        assert abs(onnx_logits(graph_of(model, dialect), inputs)[0] - expected[0]).max() > 1e-3


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_the_dialects_take_the_same_inputs_and_agree(model_type: str) -> None:
    encoder = tiny.encoder(model_type)
    inputs = inputs_of(encoder, [[1] * 13, [0] * 4 + [1] * 9])
    model = tiny.model(model_type, UNEQUAL)
    sessions = [onnx_session(graph_of(model, dialect)) for dialect in DIALECTS]
    described = [
        *((name, "tensor(int64)", ["batch", "sequence"]) for name in input_names(encoder)),
        *((name, "tensor(float)", ["batch", "sequence"]) for name in OUTPUTS),
    ]
    for session in sessions:
        values = (*session.get_inputs(), *session.get_outputs())
        assert [(value.name, value.type, value.shape) for value in values] == described
        assert_equal_logits(onnx_logits(session, inputs), onnx_logits(sessions[0], inputs))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_a_length_beyond_the_positions_is_an_error_not_an_answer(model_type: str, dialect: str) -> None:
    encoder = tiny.encoder(model_type)
    session = onnx_session(graph_of(tiny.model(model_type), dialect))
    inputs = inputs_of(encoder, [[1] * (encoder.max_length + 1)])
    with pytest.raises(Exception, match="Name:'embeddings"):
        session.run(list(OUTPUTS), inputs)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_padding_does_not_leak(dialect: str) -> None:
    """The logits of a row do not depend on what stands under its padding, nor on its neighbours."""
    encoder = tiny.encoder("bert")
    graph = graph_of(tiny.model("bert", UNEQUAL), dialect)
    inputs = inputs_of(encoder, [[1] * 9, [1] * 5 + [0] * 4])
    start, _ = onnx_logits(graph, inputs)
    inputs["input_ids"][1, 5:] = 42
    np.testing.assert_allclose(onnx_logits(graph, inputs)[0][1, :5], start[1, :5], atol=1e-6)
    alone = {name: values[1:, :5] for name, values in inputs.items()}
    np.testing.assert_allclose(onnx_logits(graph, alone)[0][0], start[1, :5], atol=1e-6)
