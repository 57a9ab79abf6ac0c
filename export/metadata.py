"""What an ONNX file says of itself: architecture, shapes, where it came from, what parity was found.

Enough for bench to know what it measures and to build the unpruned twin without the source model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from export.outputs import settle_export
from prune.families.encoder import Encoder
from prune.shape import ModelShape
from trellis.errors import InputError

PREFIX = "espalier."
FORMAT = 1


@dataclass(frozen=True)
class Metadata:
    """Everything that is stamped into a file. `provenance` and `parity` are empty for a random twin."""

    encoder: Encoder
    shape: ModelShape
    original_shape: ModelShape
    dialect: str
    precision: str
    model_name: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Method, seed, target, the source's sha256 and licence, versions of what made the file; see export.provenance."""
    parity: Mapping[str, Any] = field(default_factory=dict)
    """Largest differences from torch, the cases they were found on, and what ran the graph there."""

    def to_properties(self) -> dict[str, str]:
        """As metadata_props: one JSON text per key, in a fixed order."""
        values: dict[str, Any] = {
            "format": FORMAT,
            "encoder": self.encoder.to_dict(),
            "shape": self.shape.to_dict(),
            "original_shape": self.original_shape.to_dict(),
            "dialect": self.dialect,
            "precision": self.precision,
            "model_name": self.model_name,
            "provenance": dict(self.provenance),
            "parity": dict(self.parity),
        }
        return {f"{PREFIX}{key}": json.dumps(value, sort_keys=True) for key, value in values.items()}


def properties_message(metadata: Metadata) -> onnx.ModelProto:
    """A model that holds nothing but metadata_props. Its bytes, appended to a model's bytes, stamp it:
    protobuf reads messages put end to end as one, and metadata_props is the last field that we write."""
    model = onnx.ModelProto()
    stamp(model, metadata)
    return model


def stamp(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Write `metadata` into the model's metadata_props, in place."""
    del model.metadata_props[:]
    for key, value in metadata.to_properties().items():
        model.metadata_props.add(key=key, value=value)


def read_metadata(path: Path) -> Metadata:
    """Read back what `stamp` wrote; InputError where the file is absent, cut off, not ONNX, or not ours."""
    settle_export(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}; give an ONNX file that prune-export wrote.")
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except (DecodeError, ValueError, OSError) as error:
        raise InputError(f"{path} is truncated or no ONNX file; export it again.") from error
    return metadata_of(model, path)


def metadata_of(model: onnx.ModelProto, path: Path) -> Metadata:
    """The metadata of a model already in memory; `path` is for messages. Raises InputError."""
    try:
        values = {
            prop.key.removeprefix(PREFIX): json.loads(prop.value)
            for prop in model.metadata_props
            if prop.key.startswith(PREFIX)
        }
    except (
        ValueError,
        TypeError,
        RecursionError,
    ) as error:  # TypeError: texts that are no UTF-8 come as bytes
        raise InputError(f"{path} carries damaged metadata; export it again.") from error
    if values.get("format") != FORMAT:
        raise InputError(
            f"{path} is no file of prune-export's (its metadata has no format {FORMAT}); "
            "export the model with prune-export."
        )
    try:
        return _metadata(values)
    except InputError as error:
        raise InputError(f"{path} carries damaged metadata: {error} Export it again.") from error


def _metadata(values: dict[str, Any]) -> Metadata:
    kinds = {"dialect": str, "precision": str, "model_name": str, "provenance": dict, "parity": dict}
    for key, kind in kinds.items():
        if not isinstance(values.get(key), kind):
            raise InputError(f"Its {key} is no {'text' if kind is str else 'JSON object'}.")
    shape, original = (ModelShape.from_dict(values.get(key)) for key in ("shape", "original_shape"))
    shape.check_within(original)
    return Metadata(
        encoder=Encoder.from_dict(values.get("encoder")),
        shape=shape,
        original_shape=original,
        **{key: values[key] for key in kinds},
    )
