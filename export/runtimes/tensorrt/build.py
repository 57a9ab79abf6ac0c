"""A portable ONNX file → an engine file and its description, both whole or neither."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.metadata import Metadata, read_metadata
from export.ports import input_names, output_names, output_shape
from export.runtimes.tensorrt import timing_cache as caches
from export.runtimes.tensorrt.background import build_plan
from export.runtimes.tensorrt.description import EngineDescription, description_path, description_text
from export.runtimes.tensorrt.library import Library, LibraryName, find_library, shortened
from export.runtimes.tensorrt.network import (
    Tensor,
    inputs_and_outputs,
    layers_by_dtype,
    layers_of,
    parse_network,
    products_by_dtype,
)
from export.runtimes.tensorrt.profile import Profile, check_profiles
from trellis.errors import InputError
from trellis.files.places import Written, check_files
from trellis.files.together import replace_together

if TYPE_CHECKING:
    from trellis.progress import Report


@dataclass(frozen=True)
class BuiltEngine:
    """What was built."""

    path: Path
    description: EngineDescription
    notes: tuple[str, ...]
    """What the user should know, a sentence each."""
    seconds: float
    """Time that the build took."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """int64 [batch, sequence] each."""
        return self.description.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """[batch, sequence] each, in the type that the graph gives them."""
        return self.description.outputs

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The sizes that it serves."""
        return self.description.profiles


def build_engine(
    onnx_file: Path,
    profiles: Sequence[Profile],
    out: Path,
    *,
    library: LibraryName | None = None,
    timing_cache: Path | None = None,
    tf32: bool = True,
    progress: "Report | None" = None,
) -> BuiltEngine:
    """Build an engine that serves every size in `profiles`, write it to `out` and its description beside it.

    The numbers are computed in the types that the file gives them; `tf32` says whether products of float32
    may be rounded as TensorRT does by default. `timing_cache` is read if it is there, and written. What stands
    at `out` stays as it is until all is built. Needs no GPU with TensorRT for RTX.

    Raises InputError for a file that is not prune-export's or not in the portable dialect, for profiles that do
    not fit the model, where no library is installed, where it does not read the file or build the engine,
    and where something cannot be written. What `progress` raises ends the build, as KeyboardInterrupt does.
    """
    metadata = read_metadata(onnx_file)
    if metadata.dialect != "portable":
        raise InputError(
            f"{onnx_file} is in the dialect {metadata.dialect}, whose operators TensorRT does not know; "
            "export again with prune-export ... --target portable."
        )
    check_profiles(profiles, metadata.encoder)
    _check_places(onnx_file, out, timing_cache)
    found = find_library(library)
    began = time.monotonic()
    plan, description, notes = _build(
        found, onnx_file, metadata, tuple(profiles), timing_cache, tf32, progress
    )
    seconds = time.monotonic() - began
    _write(out, plan, description)
    return BuiltEngine(out, description, notes, seconds)


def _build(
    library: Library,
    onnx_file: Path,
    metadata: Metadata,
    profiles: tuple[Profile, ...],
    timing_cache: Path | None,
    tf32: bool,
    progress: "Report | None",
) -> tuple[memoryview, EngineDescription, tuple[str, ...]]:
    """The engine's bytes, what it is, and notes for the user."""
    trt = library.module
    builder = library.started("Builder")
    network = parse_network(library, builder, onnx_file)
    inputs, outputs = inputs_and_outputs(network)
    _check_interface(onnx_file, metadata, inputs, outputs)
    layers = layers_of(network)
    config = builder.create_builder_config()
    if not tf32:
        config.clear_flag(trt.BuilderFlag.TF32)
    for profile in profiles:
        _add(builder, config, inputs, profile)
    notes = []
    if timing_cache is not None:
        notes = [note for note in [caches.attach(library, config, timing_cache)] if note]
    with library.heard() as messages:
        plan = build_plan(library, builder, network, config, progress)
    if plan is None:
        errors = [text for severity, text in messages if severity < 2] or ["it does not say why"]
        raise InputError(f"{library.title} cannot build an engine of {onnx_file}: {shortened(*errors)}.")
    if timing_cache is not None and not notes:
        caches.keep(config, timing_cache)
    content = memoryview(plan)
    description = EngineDescription(
        metadata=metadata,
        profiles=profiles,
        library=library.name,
        library_version=library.version,
        tf32=tf32,
        inputs=inputs,
        outputs=outputs,
        layers_by_dtype=layers_by_dtype(layers),
        products_by_dtype=products_by_dtype(layers),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=content.nbytes,
    )
    return content, description, tuple(notes)


def _write(out: Path, plan: memoryview, description: EngineDescription) -> None:
    """Both or neither, whole."""
    text = description_text(description)
    try:
        with replace_together(out) as stage:
            (stage / out.name).write_bytes(plan)
            (stage / description_path(out).name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from error


def _check_places(onnx_file: Path, out: Path, timing_cache: Path | None) -> None:
    """Raise InputError, before anything takes long, where a file could not be written or would be lost."""
    written = [out, description_path(out)] + ([] if timing_cache is None else [timing_cache])
    check_files([Written(path, "") for path in written], [onnx_file])


def _check_interface(
    onnx_file: Path, metadata: Metadata, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    """Raise InputError unless the graph takes and gives what its metadata promises."""
    encoder = metadata.encoder
    shape = output_shape(encoder, -1, -1)
    expected = dict.fromkeys(input_names(encoder), (-1, -1)), dict.fromkeys(output_names(encoder), shape)
    came = tuple({tensor.name: tensor.shape for tensor in tensors} for tensors in (inputs, outputs))
    if came != expected:
        told, promised = (
            ", ".join(f"{name} {list(shape)}" for name, shape in (first | second).items())
            for first, second in (came, expected)
        )
        raise InputError(
            f"{onnx_file} takes and gives {told}, which is not what its metadata promises ({promised}); "
            "export it again."
        )


def _add(builder: Any, config: Any, inputs: Sequence[Tensor], profile: Profile) -> None:
    """Have the engine serve `profile`, in all of its inputs alike."""
    added = builder.create_optimization_profile()
    for tensor in inputs:
        added.set_shape(tensor.name, profile.min, profile.opt, profile.max)
    if config.add_optimization_profile(added) < 0:
        raise InputError(f"TensorRT does not take the profile {profile}; give another.")
