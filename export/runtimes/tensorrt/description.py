"""What an engine is: a JSON file beside it, ENGINE.json.

An engine alone says neither what model it holds nor what it was built with. Beside it, not in front of it, the
description leaves the file one that every TensorRT tool loads, and is one that people can read. The two are
held together by the engine's sha256: after a copy that was cut off, or a build that was, they do not match.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from export.metadata import PREFIX, Metadata, metadata_of
from export.outputs import settle_export
from export.ports import input_names, output_names, output_shape
from export.runtimes.tensorrt.library import LibraryName, library_name
from export.runtimes.tensorrt.network import Tensor
from export.runtimes.tensorrt.profile import Profile, check_profiles, parse_profile
from trellis.errors import InputError
from trellis.files.json_file import json_text, read_json

FORMAT = 1
_CHUNK = 2**20
_INPUT_DTYPES, _OUTPUT_DTYPES = ("int32", "int64"), ("float16", "float32")


@dataclass(frozen=True)
class EngineDescription:
    """Everything that is known of an engine without a GPU. Counts are of the network that it was built from."""

    metadata: Metadata
    """That of the ONNX file."""
    profiles: tuple[Profile, ...]
    library: LibraryName
    library_version: str
    tf32: bool
    """Whether products of float32 may be rounded to TF32 (10 bits of mantissa), as TensorRT does by default."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    layers_by_dtype: Mapping[str, int]
    """How many layers compute tensors of each type."""
    products_by_dtype: Mapping[str, int]
    """How many matrix products there are of operands of each type."""
    sha256: str
    bytes: int
    """Of the engine file."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        properties = self.metadata.to_properties()
        return {
            "format": FORMAT,
            "metadata": {key.removeprefix(PREFIX): json.loads(text) for key, text in properties.items()},
            "profiles": [str(profile) for profile in self.profiles],
            "library": self.library,
            "library_version": self.library_version,
            "tf32": self.tf32,
            "inputs": [_tensor_to_dict(tensor) for tensor in self.inputs],
            "outputs": [_tensor_to_dict(tensor) for tensor in self.outputs],
            "layers_by_dtype": dict(self.layers_by_dtype),
            "products_by_dtype": dict(self.products_by_dtype),
            "sha256": self.sha256,
            "bytes": self.bytes,
        }

    @classmethod
    def from_dict(cls, data: Any, path: Path) -> "EngineDescription":
        """Inverse of `to_dict`; raises InputError naming what is wrong with untrusted `data`, read at `path`."""
        if not isinstance(data, Mapping) or type(data.get("format")) is not int or data["format"] != FORMAT:
            raise InputError(f"It has no format {FORMAT}.")
        for key, kind in _KINDS.items():
            if type(data.get(key)) is not kind:
                raise InputError(f"Its {key} is {data.get(key)!r:.80}; expected {_NAMES[kind]}.")
        metadata = _metadata(data["metadata"], path)
        profiles = tuple(parse_profile(_text(text, "profile")) for text in data["profiles"])
        encoder = metadata.encoder
        check_profiles(profiles, encoder)
        if not re.fullmatch(r"[0-9a-f]{64}", data["sha256"]):
            raise InputError(f"Its sha256 is {data['sha256']!r:.80}; expected 64 hexadecimal digits.")
        if data["bytes"] < 1:
            raise InputError(f"Its bytes are {data['bytes']}; expected a positive number.")
        return cls(
            metadata=metadata,
            profiles=profiles,
            library=library_name(data["library"]),
            library_version=data["library_version"],
            tf32=data["tf32"],
            inputs=_tensors(data["inputs"], "inputs", input_names(encoder), _INPUT_DTYPES, (-1, -1)),
            outputs=_tensors(
                data["outputs"],
                "outputs",
                output_names(encoder),
                _OUTPUT_DTYPES,
                output_shape(encoder, -1, -1),
            ),
            layers_by_dtype=_counts(data["layers_by_dtype"], "layers_by_dtype"),
            products_by_dtype=_counts(data["products_by_dtype"], "products_by_dtype"),
            sha256=data["sha256"],
            bytes=data["bytes"],
        )


_KINDS: dict[str, type] = {
    "metadata": dict,
    "profiles": list,
    "library": str,
    "library_version": str,
    "tf32": bool,
    "inputs": list,
    "outputs": list,
    "layers_by_dtype": dict,
    "products_by_dtype": dict,
    "sha256": str,
    "bytes": int,
}
_NAMES: dict[type, str] = {
    dict: "a JSON object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
}


def description_path(engine: Path) -> Path:
    """Where the description of the engine file `engine` stands."""
    return engine.with_name(f"{engine.name}.json")


def description_text(description: EngineDescription) -> str:
    """The JSON file's contents. Raises InputError where the metadata holds what JSON cannot, NaN or infinity."""
    return json_text(description.to_dict(), "The engine's description", indent=2) + "\n"


def read_engine_description(engine: Path) -> EngineDescription:
    """Read what stands beside the engine file, and hold the two together. All of the engine is read once.

    Raises InputError where either is absent, the description is damaged, or the engine is not the one it
    describes: truncated, or changed.
    """
    settle_export(engine)
    if not engine.is_file():
        raise InputError(f"There is no engine {engine}; build one with prune-export.")
    path = description_path(engine)
    data = read_json(path, "engine description")
    try:
        description = EngineDescription.from_dict(data, path)
    except InputError as error:
        raise InputError(
            f"{path} is no whole description of an engine: {error} Build the engine again."
        ) from error
    size = engine.stat().st_size
    if size != description.bytes:
        what = "truncated" if size < description.bytes else "not the one described beside it"
        raise InputError(
            f"The engine {engine} is {what}: it has {size} bytes, {path.name} says {description.bytes}; "
            "build or copy it again."
        )
    if (found := _sha256(engine)) != description.sha256:
        raise InputError(
            f"The engine {engine} is not the one described beside it: its sha256 begins {found[:12]}, "
            f"{path.name} says {description.sha256[:12]}; build or copy it again."
        )
    return description


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _metadata(values: Mapping[str, Any], path: Path) -> Metadata:
    """Checked as in an ONNX file, by what reads those."""
    holder = onnx.ModelProto()
    for key, value in values.items():
        holder.metadata_props.add(key=f"{PREFIX}{key}", value=json.dumps(value))
    return metadata_of(holder, path)


def _tensor_to_dict(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}


def _tensors(
    data: list[Any], what: str, names: tuple[str, ...], dtypes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[Tensor, ...]:
    """Inputs or outputs: these names, each of that shape and one of these types."""
    found = []
    for each in data:
        if not isinstance(each, Mapping) or set(each) != {"name", "dtype", "shape"}:
            raise InputError(f"Of its {what} one is {each!r:.80}; expected name, dtype and shape.")
        if each["dtype"] not in dtypes or each["shape"] != list(shape):
            raise InputError(
                f"Of its {what} one is {each['dtype']!r:.40} {each['shape']!r:.40}; "
                f"expected {' or '.join(dtypes)} and the shape {list(shape)}."
            )
        found.append(Tensor(_text(each["name"], "tensor name"), each["dtype"], tuple(each["shape"])))
    came = tuple(tensor.name for tensor in found)
    if sorted(came) != sorted(names):
        raise InputError(f"Its {what} are {', '.join(came) or 'none'}; the model has {', '.join(names)}.")
    return tuple(found)


def _counts(data: Mapping[str, Any], what: str) -> dict[str, int]:
    if not all(type(count) is int and count > 0 for count in data.values()):
        raise InputError(f"Its {what} are {data!r:.80}; expected a positive count for each type.")
    return dict(data)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"A {what} is {value!r:.80}; expected a text.")
    return value
