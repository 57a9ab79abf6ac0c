"""int8: what is quantized and what is not, and that no more is lost than is allowed."""

import collections
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from support import tiny
from support.graphs import NOTHING_LEFT, UNEQUAL, Inputs, inputs_of, onnx_logits

from export.graph.build import build_graph, random_weights
from export.graph.precision.dynamic import quantize_dynamic
from export.graph.precision.quantizer import Quantizer, parts_by_harm, quantize_within
from export.graph.precision.static import parts_of, quantize_static, without_rounding
from export.target import Scheme
from prune.shape import ModelShape

WHOLE = ModelShape.uniform(3, tiny.NUM_HEADS, 16)
SHAPES = {"whole": WHOLE, "unequal": UNEQUAL, "nothing left": NOTHING_LEFT}
PARTS = [f"layer.{index}/{part}" for index in range(3) for part in ("attention", "ffn")]
DIALECTS: dict[Scheme, str] = {
    "dynamic": "onnxruntime-int8",
    "static": "portable",
    "static symmetric": "portable",
}
SCHEMES = [
    "dynamic",
    *(pytest.param(scheme, marks=pytest.mark.filterwarnings("ignore")) for scheme in list(DIALECTS)[1:]),
]


@pytest.fixture(autouse=True)
def _needs_nncf(request: pytest.FixtureRequest) -> None:
    scheme = getattr(request.node, "callspec", None)
    if scheme and str(scheme.params.get("scheme", "")).startswith("static"):
        pytest.importorskip("nncf", reason="NNCF is not installed: pip install nncf openvino")


def graph(scheme: Scheme, model_type: str = "bert", shape: ModelShape = WHOLE) -> onnx.ModelProto:
    encoder = tiny.encoder(model_type)
    return build_graph(encoder, shape, random_weights(encoder, shape), dialect=DIALECTS[scheme])


def windows(model_type: str = "bert", count: int = 6) -> list[Inputs]:
    encoder = tiny.encoder(model_type)
    return [inputs_of(encoder, [[1] * (9 + index)], seed=index) for index in range(count)]


def quantizer(scheme: Scheme, model_type: str = "bert") -> Quantizer:
    return Quantizer(scheme, windows(model_type))


def float_products(model: onnx.ModelProto) -> set[str]:
    """Parts of which a product with weights is computed in float32."""
    constants = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    names = [
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul" and constants.get(node.input[1]) == TensorProto.FLOAT
    ]
    return {
        "/".join(name.split("/")[:2]) if name.startswith("layer") else name.split("/")[0] for name in names
    }


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert", "electra"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_parts_are_quantized_and_the_answer_is_not(
    scheme: Scheme, model_type: str, shape: ModelShape
) -> None:
    single = graph(scheme, model_type, shape)
    quantized = quantizer(scheme, model_type).quantize(single)
    assert float_products(quantized) - {"embeddings"} == {"answer"}
    inputs = inputs_of(tiny.encoder(model_type), [[1] * 9, [1] * 4 + [0] * 5], seed=9)
    for ours, theirs in zip(onnx_logits(quantized, inputs), onnx_logits(single, inputs), strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 0.35 * np.abs(theirs).max()
        if shape.num_heads:
            assert np.abs(ours - theirs).max() > 1e-6  # it is another graph


@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_are_int8_symmetric_and_have_a_scale_for_each_column(scheme: Scheme) -> None:
    quantized = quantizer(scheme).quantize(graph(scheme))
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
    matrices = {
        name: values for name, values in constants.items() if values.dtype == np.int8 and values.ndim == 2
    }
    assert len(matrices) == 6 * 3  # query, key, value, output, intermediate, output of each layer
    scales = [values for name, values in constants.items() if "scale" in name and values.ndim == 1]
    assert {len(values) for values in scales} >= {16}
    zeros = [
        values
        for name, values in constants.items()
        if ("zero_point" in name and values.dtype == np.int8 and values.size > 1)
    ]
    assert zeros
    assert not any(values.any() for values in zeros)
    assert all(np.abs(values.astype(int)).max() >= 120 for values in matrices.values())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_parts_that_are_kept_stay_as_they_were(scheme: Scheme) -> None:
    single = graph(scheme)
    quantized = quantizer(scheme).quantize(single, ("layer.1/attention", "layer.2/ffn"))
    assert float_products(quantized) == {"answer", "layer.1/attention", "layer.2/ffn"}
    everything = quantizer(scheme).quantize(single, PARTS)
    inputs = inputs_of(tiny.encoder(), [[1] * 9])
    for ours, theirs in zip(onnx_logits(everything, inputs), onnx_logits(single, inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scheme", ["static symmetric"])
def test_symmetric_ranges_have_zero_in_their_middle(scheme: Scheme) -> None:
    quantized = quantizer(scheme).quantize(graph(scheme))
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
    points = [constants[node.input[2]] for node in quantized.graph.node if node.op_type == "QuantizeLinear"]
    assert points
    assert {values.dtype for values in points} == {np.dtype(np.int8)}
    assert not any(values.any() for values in points)


@pytest.mark.parametrize("scheme", ["static"])
def test_a_relieved_part_reads_what_is_not_rounded(scheme: Scheme) -> None:
    quantized = quantizer(scheme).quantize(graph(scheme))
    relieved = without_rounding(quantized, "layer.1/ffn")
    made_by = {output: node.op_type for node in relieved.graph.node for output in node.output}
    reads = collections.Counter(
        "/".join(node.name.split("/")[:2])
        for node in relieved.graph.node
        if node.op_type == "MatMul" and made_by.get(node.input[0]) == "DequantizeLinear"
    )
    assert set(reads) == set(PARTS) - {"layer.1/ffn"}
    assert without_rounding(quantized, "layer.9/ffn") == quantized


def test_parts_are_the_sublayers_that_have_something_left() -> None:
    assert parts_of(graph("static")) == PARTS
    assert parts_of(graph("dynamic")) == PARTS
    assert parts_of(graph("static", shape=UNEQUAL)) == [part for part in PARTS if "layer.1" not in part]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_part_with_an_outlier_hurts_most(scheme: Scheme) -> None:
    """One activation a thousand times the others leaves them a handful of levels."""
    encoder = tiny.encoder()
    weights = random_weights(encoder, WHOLE)
    weights["layer.1/ffn/intermediate/bias"][5] = 3000
    weights["layer.1/ffn/output/weight"][:, 5] = 0
    single = build_graph(encoder, WHOLE, weights, dialect=DIALECTS[scheme])
    one = quantizer(scheme)
    order = parts_by_harm(one, single, one.quantize(single), lambda *_: None)
    assert sorted(order) == sorted(PARTS)
    assert order[0] == "layer.1/ffn"


class Tried:
    """Counts the parts in float32 of each graph that it is asked about; what is lost is what is missing to 4."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.kept: list[int] = []

    def __call__(self, model: onnx.ModelProto) -> bool:
        self.kept.append(len(float_products(model) - {"answer"}))
        return 4 - self.kept[-1] <= self.limit


@pytest.mark.parametrize(
    ("limit", "tried"),
    [
        (4, [0]),
        (3, [0, 1]),
        (2.5, [0, 1, 2]),
        (0, [0, 1, 2, 4]),
        (-1, [0, 1, 2, 4, 6]),
        (-9, [0, 1, 2, 4, 6]),
    ],
)
def test_as_many_parts_are_left_out_as_it_takes(limit: float, tried: Sequence[int]) -> None:
    little = Tried(limit)
    found = quantize_within(quantizer("dynamic"), graph("dynamic"), little, lambda *_: None)
    assert little.kept == tried
    assert float_products(found.graph) - {"answer"} == set(found.kept)
    assert len(found.kept) == tried[-1]
    assert found.to_dict() == {"ranges": "dynamic"}  # of no windows, whatever ranks the parts


def test_nothing_is_left_out_where_nobody_says_what_may_be_lost() -> None:
    assert quantize_within(quantizer("dynamic"), graph("dynamic"), None, lambda *_: None).kept == ()


def test_standard_output_is_left_to_whoever_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("nncf")
    quantize_static(graph("static"), windows(), symmetric=True)
    assert capsys.readouterr().out == ""


def test_the_graph_that_is_quantized_stays_as_it_was() -> None:
    single = graph("dynamic")
    before = single.SerializeToString(deterministic=True)
    quantize_dynamic(single)
    assert single.SerializeToString(deterministic=True) == before
    pytest.importorskip("nncf")
    portable = graph("static")
    before = portable.SerializeToString(deterministic=True)
    quantize_static(portable, windows(), symmetric=True)
    assert portable.SerializeToString(deterministic=True) == before
