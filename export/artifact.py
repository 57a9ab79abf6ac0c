"""A model in memory → a folder that is enough to answer questions: graph, tokenizer, config, decoding.

The only way to a stamped file: no graph takes its place before the parity gate has passed it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from export.graph.build import build_graph, kept_in_single
from export.graph.precision.quantizer import Quantized
from export.graph.weights import weights_of
from export.graph.write import data_files, remove_old_data, write_into, write_onnx
from export.metadata import Metadata, properties_message
from export.outputs import EXPORT
from export.parity import Parity, check_parity
from export.provenance import INT8, KEPT_IN_FP32
from prune.families.layers import encoder_and_original, shape_of
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from trellis.files.together import replace_together
from trellis.version import VERSION


@dataclass(frozen=True)
class Artifact:
    """What was written."""

    path: Path
    metadata: Metadata
    parity: Parity
    bytes: int
    """Graph and weights."""


def write_artifact(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    decoding: DecodingSettings,
    path: Path,
    *,
    dialect: str,
    precision: str = "fp32",
    model_name: str,
    provenance: Mapping[str, Any],
    quantize: Callable[[onnx.ModelProto], Quantized] | None = None,
    examine: Callable[[Path], DecodingSettings] | None = None,
) -> Artifact:
    """Build the graph, hold it against torch, stamp it, and put it and its companions in place.

    For int8, `quantize` is given the float32 graph once that has passed. `examine` is given the file that is
    about to take its place, and tells the decoding settings to write instead. Raises ParityError, with nothing
    written, where the graph is not the model; InputError where the folder cannot take it.
    """
    encoder, original_shape = encoder_and_original(model)
    shape = shape_of(model)

    def graph(precision: str) -> onnx.ModelProto:
        return build_graph(encoder, shape, weights_of(model), dialect=dialect, precision=precision)

    said = dict(provenance) | {"versions": _versions()}
    with replace_together(path, EXPORT) as stage:
        parity = None
        if quantize:
            parity = _gate(model, graph("fp32"), stage)
            quantized = quantize(graph("fp32"))
            said |= {KEPT_IN_FP32: list(quantized.kept), INT8: quantized.to_dict()}
            file = write_into(stage, quantized.graph, path.name)
        else:
            if precision == "fp16":
                said[KEPT_IN_FP32] = list(kept_in_single(encoder, shape, weights_of(model), dialect))
            # the graph goes by no name here, so that its weights are not held while the gate loads the file
            file = write_into(stage, graph(precision), path.name)
        parity = parity or check_parity(model, file, precision)
        decoding = examine(file) if examine else decoding
        metadata = Metadata(
            encoder=encoder,
            shape=shape,
            original_shape=original_shape,
            dialect=dialect,
            precision=precision,
            model_name=model_name,
            provenance=said,
            parity=parity.to_dict(),
        )
        with file.open("ab") as end:
            end.write(properties_message(metadata).SerializeToString(deterministic=True))
        size, data = sum(part.stat().st_size for part in stage.iterdir()), data_files(stage, path.name)
        tokenizer.save_pretrained(stage)
        model.config.save_pretrained(stage)
        decoding.write(stage / DECODING_FILE)
    remove_old_data(path, data)
    return Artifact(path, metadata, parity, size)


def _gate(model: PreTrainedModel, graph: onnx.ModelProto, folder: Path) -> Parity:
    """What the parity gate finds of a graph that is not itself to be written; it lies in `folder` meanwhile."""
    with TemporaryDirectory(dir=folder) as name:
        file = Path(name) / "graph.onnx"
        write_onnx(graph, file)
        return check_parity(model, file)


def _versions() -> dict[str, str]:
    return {"espalier": VERSION} | {name: version(name) for name in ("torch", "transformers", "onnx")}
