"""Models of base size, cut as the paper cuts: parity, and the runtimes that read the portable dialect."""

import time
from pathlib import Path

import pytest
from support.graphs import DIALECTS, assert_equal_logits, graph_of, inputs_of, onnx_logits, torch_logits
from transformers import PreTrainedModel

from export.graph.build import build_graph, kept_in_single
from export.graph.weights import weights_of
from export.graph.write import write_onnx
from export.metadata import Metadata, stamp
from export.parity import check_parity
from export.runtimes.tensorrt.build import build_engine
from export.runtimes.tensorrt.profile import default_profiles
from prune.checkpoint import random_model
from prune.families.encoder import Encoder
from prune.shape import LayerShape, ModelShape

pytestmark = pytest.mark.slow

HEADS = (4, 5, 6, 7, 8, 8, 8, 8, 7, 6, 5, 4)
WIDTHS = (576, 704, 832, 1000, 1192, 1192, 1192, 1192, 1000, 832, 704, 576)
SHAPE = ModelShape(tuple(LayerShape(h, w) for h, w in zip(HEADS, WIDTHS, strict=True)))
"""52.8 % of BERT-base's heads and 29.8 % of its activations, the middle layers keeping most."""
ENCODERS = {
    "bert": Encoder("bert", 30522, 768, 768, 64, 512, 2, 0, 1e-12),
    "roberta": Encoder("roberta", 50265, 768, 768, 64, 514, 1, 1, 1e-5),
}


@pytest.fixture(scope="module", params=sorted(ENCODERS))
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return random_model(ENCODERS[request.param], SHAPE)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_parity(model: PreTrainedModel, tmp_path: Path, dialect: str) -> None:
    write_onnx(graph_of(model, dialect), tmp_path / "out.onnx")
    parity = check_parity(model, tmp_path / "out.onnx")
    assert parity.max_relative < 2e-5
    size = (tmp_path / "out.onnx").stat().st_size / 1e6
    print(f"{model.config.model_type}, {dialect}: off by {parity.max_absolute:.1e}; {size:.1f} MB")


def test_half_precision_holds_at_this_depth(model: PreTrainedModel, tmp_path: Path) -> None:
    """Twelve layers of fp16 stay within the gate, no product needs fp32, and an engine is built of it."""
    encoder, weights = ENCODERS[model.config.model_type], weights_of(model)
    assert kept_in_single(encoder, SHAPE, weights, "onnxruntime-fp16") == ()
    file = tmp_path / "out.onnx"
    write_onnx(build_graph(encoder, SHAPE, weights, dialect="onnxruntime-fp16", precision="fp16"), file)
    fused = check_parity(model, file, "fp16")
    print(f"{model.config.model_type}, fp16, one operator for attention: relative {fused.max_relative:.1e}")
    graph = build_graph(encoder, SHAPE, weights, dialect="portable", precision="fp16")
    stamp(graph, Metadata(encoder, SHAPE, SHAPE, "portable", "fp16", "base"))
    write_onnx(graph, file)
    parity = check_parity(model, file, "fp16")
    print(f"{model.config.model_type}, fp16: relative {parity.max_relative:.1e}")
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
    built = build_engine(file, default_profiles(encoder), tmp_path / "out.engine")
    products = built.description.products_by_dtype
    assert products == {"float32": 1, "float16": 8 * 12}  # the answer's; eight in each layer
    print(f"engine of {built.description.bytes / 1e6:.1f} MB built in {built.seconds:.1f} s")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_openvino(model: PreTrainedModel, tmp_path: Path, dialect: str) -> None:
    openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed")
    write_onnx(graph_of(model, dialect), tmp_path / "out.onnx")
    engine = openvino.Core().compile_model(tmp_path / "out.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    inputs = inputs_of(ENCODERS[model.config.model_type], [[1] * 120, [1] * 77 + [0] * 43])
    results = engine(inputs)
    expected = torch_logits(model, inputs)
    assert_equal_logits((results["start_logits"], results["end_logits"]), expected)
    assert_equal_logits(onnx_logits(tmp_path / "out.onnx", inputs), expected)


def test_tensorrt(model: PreTrainedModel) -> None:
    trt = pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
    logger = trt.Logger(trt.Logger.INTERNAL_ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(graph_of(model, "portable").SerializeToString())
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for index in range(network.num_inputs):
        profile.set_shape(network.get_input(index).name, (1, 16), (16, 384), (32, 512))
    config.add_optimization_profile(profile)
    began = time.perf_counter()
    engine = builder.build_serialized_network(network, config)
    assert engine is not None
    weights = 4 * sum(parameter.numel() for parameter in model.parameters())
    assert engine.nbytes > weights
    seconds, size = time.perf_counter() - began, engine.nbytes / 1e6
    print(f"{model.config.model_type}: engine of {size:.1f} MB built in {seconds:.1f} s")
