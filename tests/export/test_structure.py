"""What the graph looks like: names, domains, sizes, and nothing left to do at run time that could be done before."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import tiny
from support.graphs import DIALECTS, NOTHING_LEFT, OUTPUTS, UNEQUAL, graph_of

from export.graph.build import build_graph, random_weights
from export.graph.weights import weights_of
from export.ports import input_names
from prune.shape import ModelShape
from trellis.errors import InputError

WHOLE = ModelShape.uniform(3, tiny.NUM_HEADS, 16)
EVERY = list(itertools.product(tiny.MODEL_TYPES, DIALECTS, (WHOLE, UNEQUAL, NOTHING_LEFT)))


def build(model_type: str, dialect: str, shape: ModelShape) -> onnx.ModelProto:
    encoder = tiny.encoder(model_type)
    return build_graph(encoder, shape, random_weights(encoder, shape), dialect=dialect)


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


@pytest.mark.parametrize(("model_type", "dialect", "shape"), EVERY)
def test_names_are_unique_and_tell_layer_and_part(model_type: str, dialect: str, shape: ModelShape) -> None:
    graph = build(model_type, dialect, shape).graph
    nodes = [node.name for node in graph.node]
    tensors = [name for node in graph.node for name in node.output]
    tensors += [tensor.name for tensor in graph.initializer] + [value.name for value in graph.input]
    assert len(set(nodes)) == len(nodes)
    assert len(set(tensors)) == len(tensors)
    parts = [f"layer.{index}/{part}/" for index in range(len(shape.layers)) for part in ("attention", "ffn")]
    for node in graph.node:
        places = [*parts, "embeddings", "positions", "mask", "answer", *(f"{name}/" for name in OUTPUTS)]
        assert node.name.startswith(tuple(places))
        assert node.name == f"{node.name.removesuffix('/' + node.op_type)}/{node.op_type}"
        if len(node.output) == 1:
            assert node.name == f"{node.output[0]}/{node.op_type}"
    for part in parts:
        assert any(name.startswith(part) for name in nodes)
    order = [name.split("/")[0] for name in nodes if name.startswith("layer.")]
    assert order == sorted(order)


@pytest.mark.parametrize(("model_type", "dialect", "shape"), EVERY)
def test_nothing_is_stored_twice_or_unused_or_rearranged_at_run_time(
    model_type: str, dialect: str, shape: ModelShape
) -> None:
    graph = build(model_type, dialect, shape).graph
    contents = [
        (tuple(tensor.dims), tensor.data_type, hashlib.sha256(tensor.raw_data).digest())
        for tensor in graph.initializer
        if len(tensor.raw_data) > 16  # an axis may well equal a pad token
    ]
    assert len(set(contents)) == len(contents)
    names = {tensor.name for tensor in graph.initializer}
    used = {name for node in graph.node for name in node.input}
    assert names <= used
    for node in graph.node:
        if all(name in names for name in node.input):
            raise AssertionError(f"{node.name} could have been computed beforehand")
        if node.op_type in ("Transpose", "Cast", "Reshape"):
            assert node.input[0] not in names
    consumed = used | set(OUTPUTS) | {"embeddings/unused_mask"}
    consumed |= set() if shape.num_heads else {"mask"}  # nothing attends any more
    assert {name for node in graph.node for name in node.output} <= consumed


@pytest.mark.parametrize(("model_type", "dialect", "shape"), EVERY)
def test_inputs_and_outputs(model_type: str, dialect: str, shape: ModelShape) -> None:
    graph = build(model_type, dialect, shape).graph

    def described(values: object) -> list[tuple[str, int, list[str]]]:
        return [
            (
                value.name,
                value.type.tensor_type.elem_type,
                [dimension.dim_param for dimension in value.type.tensor_type.shape.dim],
            )
            for value in values  # type: ignore[attr-defined]
        ]

    dimensions = ["batch", "sequence"]
    expected = [(name, TensorProto.INT64, dimensions) for name in input_names(tiny.encoder(model_type))]
    assert described(graph.input) == expected
    assert described(graph.output) == [(name, TensorProto.FLOAT, dimensions) for name in OUTPUTS]


@pytest.mark.parametrize("shape", [WHOLE, UNEQUAL, NOTHING_LEFT])
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_portable_is_standard_onnx(model_type: str, shape: ModelShape) -> None:
    model = build(model_type, "portable", shape)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert {node.domain for node in model.graph.node} == {""}
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    shapes = {
        value.name: [
            dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim
        ]
        for value in inferred.graph.value_info
    }
    assert {name for node in model.graph.node for name in node.output} <= {*shapes, *OUTPUTS}
    sequence = shapes["embeddings/norm"][1]
    assert isinstance(sequence, str)  # "sequence", or what the sliced position table made of it
    for index, layer in enumerate(shape.layers):
        assert shapes[f"layer.{index}/attention/norm"] == ["batch", sequence, 16]
        assert shapes[f"layer.{index}/ffn/norm"] == ["batch", sequence, 16]
        if layer.num_heads:
            heads = ["batch", layer.num_heads, sequence, tiny.HEAD_SIZE]
            assert shapes[f"layer.{index}/attention/query/heads"] == heads
        if layer.intermediate_size:
            assert shapes[f"layer.{index}/ffn/gelu"] == ["batch", sequence, layer.intermediate_size]


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_onnxruntime_dialect_says_how_many_heads_each_layer_has(model_type: str) -> None:
    model = build(model_type, "onnxruntime", UNEQUAL)
    domains = {entry.domain: entry.version for entry in model.opset_import}
    assert domains == {"": 20, "com.microsoft": 1}
    found = {node.output[0]: attributes(node) for node in model.graph.node if node.op_type == "Attention"}
    assert {name: (a["num_heads"], a["qkv_hidden_sizes"]) for name, a in found.items()} == {
        "layer.0/attention/context": (3, [12, 12, 12]),
        "layer.2/attention/context": (1, [4, 4, 4]),
    }
    counts = {
        name: sum(node.op_type == name for node in model.graph.node)
        for name in ("Attention", "BiasGelu", "Sum", "LayerNormalization", "EmbedLayerNormalization")
    }
    assert counts == {
        "Attention": 2,
        "BiasGelu": 2,
        "Sum": 6,
        "LayerNormalization": 6,
        "EmbedLayerNormalization": 1,
    }


@pytest.mark.parametrize("dialect", ["onnxruntime", "onnxruntime-int8"])
def test_onnxruntime_makes_no_slow_norm_of_the_residuals(dialect: str, tmp_path: Path) -> None:
    """SkipLayerNormalization takes three times as long on the CPU as what it would replace."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    model = build("bert", dialect, UNEQUAL)
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    operators = {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}
    assert "LayerNormalization" in operators
    assert "SkipLayerNormalization" not in operators


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_sublayer_is_its_bias_the_residual_and_the_norm(dialect: str) -> None:
    graph = build("bert", dialect, UNEQUAL).graph
    operators = {node.name: list(node.input) for node in graph.node if node.name.startswith("layer.1/ffn")}
    assert operators == {
        f"layer.1/ffn/residual/{'Add' if dialect == 'portable' else 'Sum'}": [
            "layer.1/attention/norm",
            "layer.1/ffn/output/bias",
        ],
        "layer.1/ffn/norm/LayerNormalization": [
            "layer.1/ffn/residual",
            "layer.1/ffn/norm/weight",
            "layer.1/ffn/norm/bias",
        ],
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_weights_are_the_models_own(dialect: str) -> None:
    model = tiny.model("bert", UNEQUAL)
    state = model.state_dict()
    found = {t.name: numpy_helper.to_array(t) for t in graph_of(model, dialect).graph.initializer}
    dense = state["bert.encoder.layer.2.intermediate.dense.weight"].numpy()
    np.testing.assert_array_equal(found["layer.2/ffn/intermediate/weight"], dense.T)
    np.testing.assert_array_equal(found["answer/bias"], state["qa_outputs.bias"].numpy())
    attention = [
        state[f"bert.encoder.layer.2.attention.self.{part}.weight"].numpy().T
        for part in ("query", "key", "value")
    ]
    if dialect == "onnxruntime":
        packed = found["layer.2/attention/query_key_value/weight"]
        np.testing.assert_array_equal(packed, np.concatenate(attention, axis=1))
    else:
        np.testing.assert_array_equal(found["layer.2/attention/key/weight"], attention[1])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_scalars_are_scalars(dialect: str) -> None:
    """The standard wants CumSum's axis without a dimension; not every reader takes one of size 1."""
    graph = build("roberta", dialect, UNEQUAL).graph
    dims = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    assert dims["positions/axis"] == []


def test_weights_that_do_not_fit_are_refused_by_name() -> None:
    encoder = tiny.encoder("bert")
    weights = random_weights(encoder, UNEQUAL)
    with pytest.raises(InputError, match=r"layer\.0/attention/query/weight is \(12, 16\).*\(16, 16\)"):
        build_graph(encoder, WHOLE, weights)
    del weights["answer/bias"]
    with pytest.raises(InputError, match="answer/bias is missing"):
        build_graph(encoder, UNEQUAL, weights)
    with pytest.raises(
        InputError, match=r"'tensorrt'.*onnxruntime, onnxruntime-fp16, onnxruntime-int8, portable"
    ):
        build_graph(encoder, UNEQUAL, random_weights(encoder, UNEQUAL), dialect="tensorrt")


def test_random_weights_are_drawn_from_the_seed_alone() -> None:
    encoder = tiny.encoder("electra")
    first, again, other = (random_weights(encoder, UNEQUAL, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["embeddings/word"], other["embeddings/word"])
    assert {values.dtype for values in first.values()} == {np.dtype(np.float32)}
    assert first["embeddings/position"].shape == (64, 8)
    assert abs(first["layer.0/ffn/norm/weight"].mean() - 1) < 0.2


def test_taking_a_models_weights_copies_nothing() -> None:
    model = tiny.model("distilbert", UNEQUAL)
    state = model.state_dict()
    weights = weights_of(model)
    assert np.shares_memory(weights["answer/weight"], state["qa_outputs.weight"].numpy())
    assert np.shares_memory(
        weights["layer.2/attention/key/weight"],
        state["distilbert.transformer.layer.2.attention.k_lin.weight"].numpy(),
    )
    half = weights_of(model.half())
    assert {values.dtype for values in half.values()} == {np.dtype(np.float32)}
