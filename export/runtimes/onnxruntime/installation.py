"""What is wrong with onnxruntime as installed: facts in, one sentence each out, with the command that mends it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from export.runtimes.cuda import has_driver


@dataclass(frozen=True)
class Installation:
    """What can be known without loading any of it."""

    versions: Mapping[str, str]
    """Of installed distributions, by name in lower case with hyphens."""
    wanted_tensorrt: int | None = None
    """Major version that its TensorRT provider is linked against; None where there is no provider."""
    has_cuda_provider: bool = False
    """Whether it comes with one."""
    has_driver: bool = False
    """Whether NVIDIA's driver loads."""


def this_installation(versions: Mapping[str, str]) -> Installation:
    """The one that runs this."""
    libraries = _folder()
    return Installation(
        versions,
        linked_major(libraries / "libonnxruntime_providers_tensorrt.so", "nvinfer") if libraries else None,
        bool(libraries and (libraries / "libonnxruntime_providers_cuda.so").is_file()),
        has_driver(),
    )


def findings(found: Installation) -> Iterator[str]:
    """What is wrong, a sentence each; nothing where all is well."""
    packages = [name for name in ("onnxruntime", "onnxruntime-gpu") if name in found.versions]
    if len(packages) == 2:
        yield (
            "onnxruntime and onnxruntime-gpu are both installed, and each overwrites files of the other: "
            "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install one of them."
        )
    elif not packages:
        yield "onnxruntime is not installed, and every export is checked by it: pip install onnxruntime."
    if found.has_cuda_provider and not found.has_driver:
        yield (
            "onnxruntime-gpu is installed, but NVIDIA's driver does not load, so that it lists CUDA and cannot "
            "start it: install the driver, or pip uninstall -y onnxruntime-gpu && pip install onnxruntime."
        )
    tensorrt, wanted = _tensorrt_version(found.versions), found.wanted_tensorrt
    if wanted is not None and tensorrt and not tensorrt.startswith(f"{wanted}."):
        yield (
            f"onnxruntime's TensorRT provider is made for TensorRT {wanted}, and {tensorrt} is installed: "
            f'pip install "tensorrt>={wanted},<{wanted + 1}", or build engines with prune-export --engine, which '
            "takes either."
        )


def _tensorrt_version(versions: Mapping[str, str]) -> str | None:
    names = (name for name in versions if re.fullmatch(r"tensorrt(-cu\d+)?(-libs)?", name))
    return next((versions[name] for name in names), None)


def _folder() -> Path | None:
    """Where its libraries lie, found without importing it."""
    spec = find_spec("onnxruntime")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "capi" if places else None


def linked_major(library: Path, name: str) -> int | None:
    """The major version in the name under which `library` looks for lib`name`; None where it does not."""
    try:
        match = re.search(rb"lib%s\.so\.(\d+)\0" % name.encode(), library.read_bytes())
    except OSError:
        return None
    return int(match[1]) if match else None
