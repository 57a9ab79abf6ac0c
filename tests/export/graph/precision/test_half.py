"""Half precision: the types stand in the graph, and no input can overflow them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from support import tiny
from support.graphs import NOTHING_LEFT, OUTPUTS, UNEQUAL, all_values, inputs_of, onnx_session, torch_logits

from export.graph.blocks import bounds_of
from export.graph.build import HALF_DIALECTS, build_graph, random_weights
from export.graph.dialects.onnxruntime_fp16 import MASKED_HALF
from export.graph.precision.bounds import SAFE
from export.graph.weights import weights_of
from prune.shape import ModelShape
from trellis.errors import InputError

WHOLE = ModelShape.uniform(3, tiny.NUM_HEADS, 16)
SHAPES = {"whole": WHOLE, "unequal": UNEQUAL, "nothing left": NOTHING_LEFT}
HALF_MAX = float(np.finfo(np.float16).max)
MASKS = ([[1]], [[1] * 9, [1] * 4 + [0] * 5], [[0] * 3 + [1] * 4])

Weights = Mapping[str, NDArray[Any]]


def half_graph(
    model_type: str, shape: ModelShape, weights: Weights | None = None, dialect: str = "portable"
) -> onnx.ModelProto:
    encoder = tiny.encoder(model_type)
    weights = weights or random_weights(encoder, shape)
    return build_graph(encoder, shape, weights, dialect=dialect, precision="fp16")


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_name(broken: float) -> None:
    weights = random_weights(tiny.encoder("bert"), WHOLE)
    weights["layer.1/attention/query/weight"][2, 3] = broken
    with pytest.raises(
        InputError, match=r"layer\.1/attention/query/weight holds numbers that are not finite"
    ):
        half_graph("bert", WHOLE, weights)


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    """Element type of every tensor."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    values = (*inferred.value_info, *inferred.output, *inferred.input)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in inferred.initializer}


def large(model_type: str, shape: ModelShape, factor: float, *, only: str = "") -> dict[str, NDArray[Any]]:
    """Weights whose matrices are so large that half precision overflows where nobody takes care."""
    weights = random_weights(tiny.encoder(model_type), shape)
    return {
        name: values * np.float32(factor)
        if name.endswith("weight")
        and only in name
        and values.ndim == 2
        and not name.startswith(("embeddings", "answer"))
        else values
        for name, values in weights.items()
    }


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_products_are_half_and_norms_and_softmax_single(model_type: str, shape: ModelShape) -> None:
    model = half_graph(model_type, shape)
    onnx.checker.check_model(model, full_check=True)
    types = types_of(model)
    for node in model.graph.node:
        came = {types[name] for name in node.input if name} & {TensorProto.FLOAT, TensorProto.FLOAT16}
        assert len(came) <= 1, f"{node.name} mixes types, which a strongly typed engine refuses"
        if node.op_type in ("LayerNormalization", "Softmax"):
            assert came == {TensorProto.FLOAT}
        if node.op_type == "MatMul" and not node.name.startswith("answer"):
            assert came == {TensorProto.FLOAT16}
    assert {types[name] for name in OUTPUTS} == {TensorProto.FLOAT}
    assert types["embeddings/word"] == TensorProto.FLOAT16


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_for_onnxruntime_layers_are_half_throughout(model_type: str) -> None:
    """LayerNormalization computes in float32 what it reads in float16: that is its default in ONNX."""
    model = half_graph(model_type, UNEQUAL, dialect="onnxruntime-fp16")
    half = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    for node in model.graph.node:
        if node.op_type == "Cast":
            is_half = onnx.helper.get_node_attr_value(node, "to") == TensorProto.FLOAT16
        else:
            is_half = not half.isdisjoint(node.input)
        half |= set(node.output) if is_half else set()
        if node.name.startswith("layer."):
            assert {name for name in node.input if name} <= half or node.op_type == "Cast", node.name
        if node.op_type == "LayerNormalization":
            assert "stash_type" not in {attribute.name for attribute in node.attribute}
    attentions = [node for node in model.graph.node if node.op_type == "Attention"]
    assert [onnx.helper.get_node_attr_value(node, "num_heads") for node in attentions] == [3, 1]
    assert "Softmax" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("dialect", HALF_DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_every_constant_is_finite(model_type: str, dialect: str) -> None:
    for tensor in half_graph(model_type, UNEQUAL, dialect=dialect).graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        assert np.isfinite(values.astype(np.float64)).all(), tensor.name


@pytest.mark.parametrize("dialect", HALF_DIALECTS)
@pytest.mark.parametrize("model_type", ["bert", "electra"])
def test_no_weight_is_too_large_to_be_written(model_type: str, dialect: str) -> None:
    """One number of every tensor in turn, past what half precision holds: it is not cut off, nor infinite."""
    encoder = tiny.encoder(model_type)
    inputs = inputs_of(encoder, MASKS[1])
    weights = random_weights(encoder, WHOLE)
    for name, values in weights.items():
        changed = values.copy()
        changed.flat[1 % changed.size] = 1e5
        model = half_graph(model_type, WHOLE, weights | {name: changed}, dialect)
        for tensor in model.graph.initializer:
            assert np.isfinite(onnx.numpy_helper.to_array(tensor).astype(np.float64)).all(), tensor.name
        single = build_graph(encoder, WHOLE, weights | {name: changed}, dialect="portable")
        expected = onnx_session(single).run(list(OUTPUTS), inputs)
        for mine, theirs in zip(onnx_session(model).run(list(OUTPUTS), inputs), expected, strict=True):
            allowed = 2e-2 * max(1.0, float(np.abs(theirs).max()))
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=allowed, err_msg=name)


@pytest.mark.parametrize("dialect", HALF_DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_a_row_of_padding_alone_is_finite_and_touches_no_other(model_type: str, dialect: str) -> None:
    encoder = tiny.encoder(model_type)
    session = onnx_session(half_graph(model_type, UNEQUAL, dialect=dialect))
    both = session.run(list(OUTPUTS), inputs := inputs_of(encoder, [[0] * 9, [1] * 9]))
    alone = session.run(list(OUTPUTS), {name: values[1:] for name, values in inputs.items()})
    for of_both, of_one in zip(both, alone, strict=True):
        assert np.isfinite(of_both).all()
        np.testing.assert_allclose(of_both[1:], of_one, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dialect", HALF_DIALECTS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_logits_are_the_models_but_for_rounding(model_type: str, shape: ModelShape, dialect: str) -> None:
    model = tiny.model(model_type, shape)
    session = onnx_session(half_graph(model_type, shape, weights_of(model), dialect))
    encoder = tiny.encoder(model_type)
    longest = encoder.max_length
    for masks in (*MASKS, [[1] * longest, [1] + [0] * (longest - 1)]):
        inputs = inputs_of(encoder, masks)
        for found, expected in zip(
            session.run(list(OUTPUTS), inputs), torch_logits(model, inputs), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=0, atol=5e-3 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("dialect", HALF_DIALECTS)
def test_half_the_bytes(dialect: str) -> None:
    encoder = tiny.encoder(vocab_size=5000)
    weights = random_weights(encoder, WHOLE)
    sizes = [
        len(build_graph(encoder, WHOLE, weights, dialect=written, precision=precision).SerializeToString())
        for written, precision in (("portable", "fp32"), (dialect, "fp16"))
    ]
    assert 0.5 < sizes[1] / sizes[0] < 0.65


@pytest.mark.parametrize("factor", [1, 30])
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_no_value_is_above_its_bound_and_the_bounds_are_not_far(model_type: str, factor: float) -> None:
    encoder = tiny.encoder(model_type)
    weights = large(model_type, WHOLE, factor)
    bounds = bounds_of(encoder, WHOLE, weights).largest
    graph = build_graph(encoder, WHOLE, weights, dialect="portable")
    mask = [[1] * encoder.max_length] * 16
    seen: dict[str, float] = dict.fromkeys(bounds, 0.0)
    for seed in range(4):
        for name, value in all_values(graph, list(bounds), inputs_of(encoder, mask, seed=seed)).items():
            seen[name] = max(seen[name], value)
    for name, value in seen.items():
        assert value <= bounds[name] * (1 + 1e-5), name
        if name.endswith(("norm", "query", "key", "value", "intermediate")):
            assert value > bounds[name] / 10, name
    products = {node.output[0] for node in graph.graph.node if node.op_type == "MatMul"}
    covered = {name.removesuffix("/matmul") for name in products if not name.startswith("answer")}
    assert covered <= set(bounds)


def test_bounds_of_a_layer_worked_out_by_hand() -> None:
    """One head of size 2 and one activation on a hidden size of 2: |n| is at most √2."""
    encoder = tiny.encoder(hidden_size=2, embedding_size=2, head_size=2)
    shape = ModelShape.uniform(1, 1, 1)
    weights = {name: np.zeros_like(values) for name, values in random_weights(encoder, shape).items()}
    weights["embeddings/norm/weight"] = np.array([3, 4], np.float32)
    weights["embeddings/norm/bias"] = np.array([0, 1], np.float32)
    weights["layer.0/attention/query/weight"] = np.array([[1, 0], [0, 1]], np.float32)
    weights["layer.0/attention/key/bias"] = np.array([3, 4], np.float32)
    weights["layer.0/attention/value/weight"] = np.array([[1, 1], [0, 0]], np.float32)
    weights["layer.0/attention/output/weight"] = np.array([[2, 5], [0, 0]], np.float32)
    weights["layer.0/attention/norm/weight"] = np.array([1, 1], np.float32)
    weights["layer.0/ffn/intermediate/weight"] = np.array([[3, -4]], np.float32)
    weights["layer.0/ffn/intermediate/bias"] = np.array([-7], np.float32)
    weights["layer.0/ffn/output/weight"] = np.array([[2], [-3]], np.float32)
    root = 2**0.5
    bounds = bounds_of(encoder, shape, weights).largest
    expected = {
        "embeddings/norm": 4 * root + 1,
        "layer.0/attention/query": 4 * root + 1,
        "layer.0/attention/key": 4,
        "layer.0/attention/scores": (4 * root + 1) * 5 / root,
        "layer.0/attention/value": 5 * root + 1,
        "layer.0/attention/context": 5 * root + 1,
        "layer.0/attention/output": 2 * (5 * root + 1),
        "layer.0/attention/norm": root,
        "layer.0/ffn/intermediate": 5 * root + 7,
        "layer.0/ffn/output": 3 * (5 * root + 7),
    }
    assert {name: bounds[name] for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dialect", HALF_DIALECTS)
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_what_could_overflow_stays_single_and_the_logits_are_right(model_type: str, dialect: str) -> None:
    encoder = tiny.encoder(model_type)
    weights = large(model_type, WHOLE, 3000)
    unsafe = bounds_of(encoder, WHOLE, weights).unsafe_products()
    assert {"layer.0/attention/scores", "layer.2/ffn/output"} <= set(unsafe)
    model = half_graph(model_type, WHOLE, weights, dialect)
    types = types_of(model)
    assert "Attention" not in {node.op_type for node in model.graph.node}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.output[0].removesuffix("/matmul") in unsafe:
            assert types[node.output[0]] == TensorProto.FLOAT
    single = build_graph(encoder, WHOLE, weights, dialect="portable")
    inputs = inputs_of(encoder, [[1] * encoder.max_length, [1] + [0] * (encoder.max_length - 1)])
    values = all_values(single, ["layer.2/ffn/output"], inputs)
    assert values["layer.2/ffn/output"] > HALF_MAX  # half precision would have been infinite
    for found in onnx_session(model).run(list(OUTPUTS), inputs):
        assert np.isfinite(found).all()


def test_norms_that_could_overflow_stay_single() -> None:
    encoder = tiny.encoder()
    weights = random_weights(encoder, WHOLE)
    assert bounds_of(encoder, WHOLE, weights).unsafe_norms() == ()
    weights["layer.1/attention/norm/bias"][0] = 0.9 * SAFE  # is written, and read by the next sum
    update = bounds_of(encoder, WHOLE, weights).largest["layer.1/ffn/output"]
    assert update > SAFE / 10
    assert bounds_of(encoder, WHOLE, weights).unsafe_norms() == ("layer.1/ffn/norm",)
    model = half_graph("bert", WHOLE, weights, "onnxruntime-fp16")
    types = types_of(model)
    norms = {
        node.output[0]: types[node.input[0]]
        for node in model.graph.node
        if node.op_type == "LayerNormalization"
    }
    single = {name for name, found in norms.items() if found == TensorProto.FLOAT}
    assert single == {"embeddings/norm", "layer.1/ffn/norm"}


def test_a_masked_score_is_below_every_other_by_more_than_softmax_sees() -> None:
    assert float(MASKED_HALF) + SAFE < -SAFE - 1000


def test_one_layer_in_parts_and_another_in_one_operator() -> None:
    encoder, shape = tiny.encoder(), ModelShape.uniform(2, tiny.NUM_HEADS, 16)
    model = tiny.model(shape=shape)
    weights = dict(weights_of(model))
    for name in ("query", "key"):
        weights[f"layer.1/attention/{name}/weight"] = weights[
            f"layer.1/attention/{name}/weight"
        ] * np.float32(300)
    graph = half_graph("bert", shape, weights, "onnxruntime-fp16")
    kinds = [node.op_type for node in graph.graph.node]
    assert (kinds.count("Attention"), kinds.count("Softmax")) == (1, 1)
    single = build_graph(encoder, shape, weights, dialect="portable")
    inputs = inputs_of(encoder, [[1] * 9, [1] * 4 + [0] * 5])
    inputs_with_other_pads = {
        **inputs,
        "input_ids": np.where(inputs["attention_mask"] == 1, inputs["input_ids"], 7),
    }
    found = onnx_session(graph).run(list(OUTPUTS), inputs)
    expected = onnx_session(single).run(list(OUTPUTS), inputs)
    others = onnx_session(graph).run(list(OUTPUTS), inputs_with_other_pads)
    for mine, theirs, other in zip(found, expected, others, strict=True):
        assert np.isfinite(mine).all()
        np.testing.assert_allclose(mine[0], theirs[0], rtol=0, atol=0.2 * max(1, np.abs(theirs).max()))
        np.testing.assert_array_equal(mine[1, :4], other[1, :4])


def test_of_an_empty_sublayer_the_bias_counts() -> None:
    encoder = tiny.encoder()
    weights = random_weights(encoder, UNEQUAL)
    weights["layer.1/ffn/output/bias"][0] = -SAFE
    assert bounds_of(encoder, UNEQUAL, weights).unsafe_norms() == ("layer.1/ffn/norm",)


def test_only_what_could_overflow_stays_single() -> None:
    encoder = tiny.encoder()
    assert bounds_of(encoder, WHOLE, random_weights(encoder, WHOLE)).unsafe_products() == ()
    weights = large("bert", WHOLE, 30000, only="layer.1/ffn/output")
    assert bounds_of(encoder, WHOLE, weights).unsafe_products() == ("layer.1/ffn/output",)
    weights = large("bert", WHOLE, 10000, only="layer.1/ffn/intermediate")
    bound = bounds_of(encoder, WHOLE, weights).largest["layer.1/ffn/intermediate"]
    assert bound > SAFE
    # what reads too large a number is as unsafe as what computes it
    assert bounds_of(encoder, WHOLE, weights).unsafe_products() == (
        "layer.1/ffn/intermediate",
        "layer.1/ffn/output",
    )


def test_an_embedding_past_half_precision_stays_single() -> None:
    weights = random_weights(tiny.encoder(), WHOLE)
    weights["embeddings/word"][7, 3] = 1e5
    types = types_of(half_graph("bert", WHOLE, weights))
    assert types["embeddings/word"] == TensorProto.FLOAT
    assert types["embeddings/token_type"] == TensorProto.FLOAT16


def test_a_projection_past_half_precision_is_added_in_single() -> None:
    """ELECTRA's, from the embedding size: the first residual sum reads it."""
    encoder = tiny.encoder("electra")
    weights = random_weights(encoder, WHOLE)
    weights["embeddings/project/bias"][0] = 2 * SAFE
    assert "embeddings/project" in bounds_of(encoder, WHOLE, weights).unsafe_products()
    assert bounds_of(encoder, WHOLE, weights).unsafe_norms()[0] == "layer.0/attention/norm"
    inputs = inputs_of(encoder, MASKS[1])
    for found in onnx_session(half_graph("electra", WHOLE, weights, "onnxruntime-fp16")).run(
        list(OUTPUTS), inputs
    ):
        assert np.isfinite(found).all()


def test_half_precision_of_fused_operators_is_refused() -> None:
    encoder = tiny.encoder()
    weights = random_weights(encoder, WHOLE)
    with pytest.raises(InputError, match="dialects portable and onnxruntime-fp16, not onnxruntime;"):
        build_graph(encoder, WHOLE, weights, precision="fp16")
    with pytest.raises(InputError, match=r"'fp8'.*fp32, fp16"):
        build_graph(encoder, WHOLE, weights, precision="fp8")
