"""ONNX files on disk: whole or not at all, the same bytes for the same model, large weights beside them."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx

from trellis.files.together import replace_together

EXTERNAL_ABOVE = 2**31 - 2**20
"""Bytes of weights above which they go to a file of their own: protobuf ends at 2 GiB."""


def write_onnx(model: onnx.ModelProto, path: Path, *, external_above: int = EXTERNAL_ABOVE) -> None:
    """Write `model` to `path` at once, emptying it; raises InputError where that cannot be written."""
    with staged_onnx(model, path, external_above=external_above):
        pass


@contextmanager
def staged_onnx(
    model: onnx.ModelProto, path: Path, *, external_above: int = EXTERNAL_ABOVE
) -> Iterator[Path]:
    """Write `model` beside `path` and yield that file, which loads as it stands; then it becomes `path`.

    Weights above `external_above` bytes go to PATH.<hash>.data. `model` is emptied on the way, so that its
    weights are never held twice.
    """
    with replace_together(path) as stage:
        yield write_into(stage, model, path.name, external_above=external_above)
        kept = data_files(stage, path.name)
    remove_old_data(path, kept)


def write_into(
    folder: Path, model: onnx.ModelProto, name: str, *, external_above: int = EXTERNAL_ABOVE
) -> Path:
    """Write `model` to the file `name` in `folder`, emptying it, and large weights beside that."""
    file = folder / name
    _write(model, file, external_above)
    return file


def data_files(folder: Path, name: str) -> set[str]:
    """Names of the files in `folder` that hold, or held, weights of the graph `name`."""
    ours = re.compile(re.escape(name) + r"\.[0-9a-f]{16}\.data")
    return {file.name for file in folder.iterdir() if ours.fullmatch(file.name)}


def remove_old_data(path: Path, kept: set[str]) -> None:
    """Remove the data files of former graphs at `path`, when the one there refers to those `kept`.

    They are named by content, so that a new one never takes the place of one that an older graph refers to.
    """
    for name in data_files(path.parent, path.name) - kept:
        path.with_name(name).unlink(missing_ok=True)


def _write(model: onnx.ModelProto, file: Path, external_above: int) -> None:
    weights = model.graph.initializer
    if sum(len(tensor.raw_data) for tensor in weights) <= external_above:
        with file.open("wb") as stream:
            for part in _serialized(model):
                stream.write(part)
        return
    digest = hashlib.sha256()
    for tensor in weights:
        digest.update(tensor.raw_data)
    data = f"{file.name}.{digest.hexdigest()[:16]}.data"
    onnx.external_data_helper.convert_model_to_external_data(model, location=data, size_threshold=1024)
    onnx.save_model(model, file)


def _serialized(model: onnx.ModelProto) -> Iterator[bytes]:
    """The bytes of model.SerializeToString(deterministic=True), without ever holding all of them.

    A message is its fields in the order of their numbers; graph is field 7 of a model, and the weights are
    field 5 of a graph, after its nodes and its name. What has fields of its own stands behind its length.
    """
    weights = list(model.graph.initializer)
    del model.graph.initializer[:]
    graph = model.graph.SerializeToString(deterministic=True)
    nodes = len(onnx.GraphProto(node=model.graph.node, name=model.graph.name).SerializeToString())
    model.ClearField("graph")
    rest = model.SerializeToString(deterministic=True)
    before = len(
        onnx.ModelProto(ir_version=model.ir_version, producer_name=model.producer_name).SerializeToString()
    )
    heads = [_head(5, tensor.ByteSize()) for tensor in weights]
    size = len(graph) + sum(
        len(head) + tensor.ByteSize() for head, tensor in zip(heads, weights, strict=True)
    )
    yield rest[:before] + _head(7, size) + graph[:nodes]
    for head, tensor in zip(heads, weights, strict=True):
        yield head
        yield tensor.SerializeToString(deterministic=True)
    yield graph[nodes:] + rest[before:]


def _head(field: int, size: int) -> bytes:
    """What protobuf writes before a field that has a length: its number and wire type 2, then the length."""
    head = [field << 3 | 2]
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size])
