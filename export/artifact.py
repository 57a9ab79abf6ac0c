"""A model in memory → a folder that is enough to answer questions: graph, tokenizer, config, decoding.

The only way to a stamped file: no graph takes its place before the parity gate has passed it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from export.graph import build_graph
from export.metadata import Metadata, properties_message
from export.parity import Parity, check_parity
from export.precision.arithmetic import unsafe_in_half
from export.weights import weights_of
from export.write import staged_onnx
from prune.layers import encoder_and_original, shape_of
from prune.qa.settings import DECODING_FILE, DecodingSettings

KEPT_IN_FP32 = "kept_in_fp32"
"""Under which the provenance of a graph in lower precision names the products that are not."""


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
    examine: Callable[[Path], DecodingSettings] | None = None,
) -> Artifact:
    """Build the graph, hold it against torch, stamp it, and put it and its companions in place.

    `examine` is given the file that has passed, and tells the decoding settings to write instead. Raises
    ParityError, with nothing written, where the graph is not the model; InputError where the folder cannot
    take it.
    """
    encoder, original_shape = encoder_and_original(model)
    shape = shape_of(model)
    said = dict(provenance) | {"versions": _versions()}
    if precision == "fp16":
        said[KEPT_IN_FP32] = list(unsafe_in_half(encoder, shape, weights_of(model)))
    metadata = Metadata(
        encoder=encoder,
        shape=shape,
        original_shape=original_shape,
        dialect=dialect,
        precision=precision,
        model_name=model_name,
        provenance=said,
    )
    # the graph goes by no name here, so that its weights are not held while the gate loads the file
    with staged_onnx(
        build_graph(encoder, shape, weights_of(model), dialect=dialect, precision=precision), path
    ) as file:
        parity = check_parity(model, file, precision)
        decoding = examine(file) if examine else decoding
        metadata = metadata.with_parity(parity.to_dict())
        with file.open("ab") as end:
            end.write(properties_message(metadata).SerializeToString(deterministic=True))
        size = sum(part.stat().st_size for part in file.parent.iterdir())
        _write_companions(model, tokenizer, decoding, path.parent)
    return Artifact(path, metadata, parity, size)


def _write_companions(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, decoding: DecodingSettings, folder: Path
) -> None:
    """Tokenizer, config and decoding settings, each moved into `folder` once all are written."""
    with TemporaryDirectory(prefix=".companions.", dir=folder) as name:
        staging = Path(name)
        tokenizer.save_pretrained(staging)
        model.config.save_pretrained(staging)
        decoding.write(staging / DECODING_FILE)
        for file in sorted(staging.iterdir()):
            file.replace(folder / file.name)


def _versions() -> dict[str, str]:
    packages = ("espalier", "torch", "transformers", "onnx")
    return {name: version(name) for name in packages}
