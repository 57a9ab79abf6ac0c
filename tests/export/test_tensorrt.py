"""TensorRT's own parser and builder on the portable dialect. Building needs no GPU; only running would."""

from typing import Any

import onnx
import pytest
from support import tiny
from support.graphs import NOTHING_LEFT, OUTPUTS, UNEQUAL, graph_of

from export.ports import input_names
from prune.shape import ModelShape

trt = pytest.importorskip(
    "tensorrt_rtx_bindings",
    reason="TensorRT for RTX is not installed: pip install --no-deps tensorrt_rtx_cu13_libs tensorrt_rtx_cu13_bindings",
)
LOGGER = trt.Logger(trt.Logger.INTERNAL_ERROR)


def parse(graph: onnx.ModelProto) -> tuple[Any, Any, list[str]]:
    """Builder, network and what the parser did not like."""
    builder = trt.Builder(LOGGER)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, LOGGER)
    parser.parse(graph.SerializeToString())
    return builder, network, [str(parser.get_error(index)) for index in range(parser.num_errors)]


def described(count: int, get: Any) -> list[tuple[str, tuple[int, ...], Any]]:
    return [(get(index).name, tuple(get(index).shape), get(index).dtype) for index in range(count)]


@pytest.mark.parametrize("shape", [UNEQUAL, NOTHING_LEFT], ids=["unequal", "nothing left"])
@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_the_portable_dialect_parses(model_type: str, shape: ModelShape) -> None:
    _, network, errors = parse(graph_of(tiny.model(model_type, shape), "portable"))
    assert errors == []
    names = input_names(tiny.encoder(model_type))
    assert described(network.num_inputs, network.get_input) == [(name, (-1, -1), trt.int64) for name in names]
    assert described(network.num_outputs, network.get_output) == [
        (name, (-1, -1), trt.float32) for name in OUTPUTS
    ]


@pytest.mark.parametrize("model_type", ["bert", "roberta", "electra"])
def test_an_engine_is_built(model_type: str) -> None:
    encoder = tiny.encoder(model_type)
    builder, network, errors = parse(graph_of(tiny.model(model_type, UNEQUAL), "portable"))
    assert errors == []
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for name in input_names(encoder):
        profile.set_shape(name, (1, 16), (4, 32), (16, encoder.max_length))
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    assert engine is not None
    weights = sum(parameter.numel() * 4 for parameter in tiny.model(model_type, UNEQUAL).parameters())
    assert engine.nbytes > weights


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_the_onnxruntime_dialect_is_refused(model_type: str) -> None:
    """Why there is a portable one: TensorRT has none of the operators of domain com.microsoft."""
    _, _, errors = parse(graph_of(tiny.model(model_type, UNEQUAL), "onnxruntime"))
    refused = " ".join(errors)
    assert "Plugin not found" in refused
    for operator in ("EmbedLayerNormalization", "BiasGelu"):
        assert operator in refused
