"""Graphs of tiny models, and ONNX Runtime to run them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from export.graph.build import build_graph
from export.graph.weights import weights_of
from export.ports import input_names
from prune.families.encoder import Encoder
from prune.families.layers import encoder_and_original, shape_of
from prune.shape import LayerShape, ModelShape
from prune.tasks.question_answering import END, START

Inputs = dict[str, NDArray[np.int64]]
Logits = tuple[NDArray[np.float32], ...]

OUTPUTS = (START, END)
DIALECTS = ("onnxruntime", "onnxruntime-int8", "portable")
UNEQUAL = ModelShape((LayerShape(3, 13), LayerShape(0, 0), LayerShape(1, 16)))
"""No two layers alike, one of them empty."""
NOTHING_LEFT = ModelShape.uniform(3, 0, 0)
ROUNDING = 2e-5
"""What float32 may lose between two runtimes, as a share of the largest logit."""


def graph_of(model: PreTrainedModel, dialect: str) -> onnx.ModelProto:
    """The model's graph, as the exporter builds it."""
    encoder, _ = encoder_and_original(model)
    return build_graph(encoder, shape_of(model), weights_of(model), dialect=dialect)


def inputs_of(encoder: Encoder, masks: Sequence[Sequence[int]], *, seed: int = 0) -> Inputs:
    """Random tokens and token types under the given 0/1 masks, one row each; pads where the mask is 0."""
    generator = np.random.default_rng(seed)
    mask = np.array(masks, dtype=np.int64)
    ids = generator.integers(encoder.pad_token_id + 1, encoder.vocab_size, mask.shape)
    inputs = {"input_ids": np.where(mask == 1, ids, encoder.pad_token_id), "attention_mask": mask}
    if "token_type_ids" in input_names(encoder):
        inputs["token_type_ids"] = generator.integers(0, encoder.type_vocab_size, mask.shape)
    return inputs


def torch_logits(model: torch.nn.Module, inputs: Inputs) -> Logits:
    """All outputs of a model in eval mode: of question answering start and end logits, [batch, seq]."""
    with torch.no_grad():
        found = model(**{name: torch.from_numpy(values) for name, values in inputs.items()})
    return tuple(values.numpy() for values in found.values())


def onnx_session(graph: onnx.ModelProto | Path) -> onnxruntime.InferenceSession:
    """ONNX Runtime on one thread of the CPU, with int8 sums that no processor saturates."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    source = graph if isinstance(graph, Path) else graph.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def onnx_logits(graph: onnx.ModelProto | Path | onnxruntime.InferenceSession, inputs: Inputs) -> Logits:
    """All outputs of the graph in ONNX Runtime, in its order."""
    session = graph if isinstance(graph, onnxruntime.InferenceSession) else onnx_session(graph)
    return tuple(session.run(None, inputs))


def all_values(model: onnx.ModelProto, names: list[str], inputs: Inputs) -> dict[str, float]:
    """The largest absolute value that each of the tensors takes."""
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    del asked.graph.output[:]
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(asked.SerializeToString(), options)
    return {
        name: float(np.abs(values).max(initial=0))
        for name, values in zip(names, session.run(names, inputs), strict=True)
    }


def assert_equal_logits(found: Logits, expected: Logits, context: str = "") -> None:
    """Equal to float32's rounding, all outputs, in shape and in numbers."""
    for place, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        assert mine.shape == theirs.shape, context
        scale = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=ROUNDING * scale, err_msg=f"{place} {context}")
