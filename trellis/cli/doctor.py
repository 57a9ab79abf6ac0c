"""What is wrong with an installation: facts in, one sentence each out, with the command that mends it."""

import re
from collections.abc import Iterator, Mapping
from ctypes import CDLL
from dataclasses import dataclass
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from trellis.errors import InputError, InstallationError

_DRIVERS = ("libcuda.so.1", "nvcuda.dll")


@dataclass(frozen=True)
class Installation:
    """What can be known without loading any of it."""

    versions: Mapping[str, str]
    """Of installed distributions, by name in lower case with hyphens."""
    wanted_tensorrt: int | None = None
    """Major version that onnxruntime's TensorRT provider is linked against; None where there is no provider."""
    has_cuda_provider: bool = False
    """Whether onnxruntime comes with one."""
    has_driver: bool = False
    """Whether NVIDIA's driver loads."""
    tensorrt_fault: str | None = None
    """What our own adapter says of an installed TensorRT that does not load or fit; None where it says nothing."""


def this_installation() -> Installation:
    """The one that runs this."""
    versions: dict[str, str] = {}
    for distribution in distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        versions.setdefault(name, distribution.version)  # the first on the path is the one imported
    providers = _onnxruntime_folder()
    return Installation(
        versions,
        _linked_major(providers / "libonnxruntime_providers_tensorrt.so", "nvinfer") if providers else None,
        bool(providers and (providers / "libonnxruntime_providers_cuda.so").is_file()),
        has_driver(),
        _tensorrt_fault(),
    )


def sentences(error: InputError, flags: Mapping[str, str] | None = None) -> list[str]:
    """What to say of `error`: itself and, where the installation is at fault, what else is wrong with that.

    `flags` says what is typed for each parameter that it may name.
    """
    return [error.told(flags or {}), *(hints() if isinstance(error, InstallationError) else [])]


def hints() -> list[str]:
    """What else is wrong with this installation than that something is missing, for those who just ran into it."""
    return [fault for fault in findings(this_installation()) if "is not installed" not in fault]


def findings(found: Installation) -> Iterator[str]:
    """What is wrong, a sentence each; nothing where all is well."""
    versions = found.versions
    runtimes = [name for name in ("onnxruntime", "onnxruntime-gpu") if name in versions]
    if len(runtimes) == 2:
        yield (
            "onnxruntime and onnxruntime-gpu are both installed, and each overwrites files of the other: "
            "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install one of them."
        )
    elif not runtimes:
        yield "onnxruntime is not installed, and every export is checked by it: pip install onnxruntime."
    if found.has_cuda_provider and not found.has_driver:
        yield (
            "onnxruntime-gpu is installed, but NVIDIA's driver does not load, so that it lists CUDA and cannot "
            "start it: install the driver, or pip uninstall -y onnxruntime-gpu && pip install onnxruntime."
        )
    yield from _tensorrt(found)
    if "optimum-onnx" in versions:
        yield (
            f"optimum-onnx {versions['optimum-onnx']} holds transformers back, at "
            f"{versions.get('transformers', 'none')}: give it an environment of its own, or "
            "pip uninstall -y optimum-onnx && pip install --upgrade transformers."
        )


def _tensorrt(found: Installation) -> Iterator[str]:
    installed = next(
        (
            version
            for name, version in found.versions.items()
            if re.fullmatch(r"tensorrt(-cu\d+)?(-libs)?", name)
        ),
        None,
    )
    wanted = found.wanted_tensorrt
    if wanted is not None and installed and not installed.startswith(f"{wanted}."):
        yield (
            f"onnxruntime's TensorRT provider is made for TensorRT {wanted}, and {installed} is installed: "
            f'pip install "tensorrt>={wanted},<{wanted + 1}", or build engines with prune-export --engine, which '
            "takes either."
        )
    if found.tensorrt_fault:
        yield found.tensorrt_fault


def _onnxruntime_folder() -> Path | None:
    """Where its libraries lie, found without importing it."""
    spec = find_spec("onnxruntime")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "capi" if places else None


def _linked_major(library: Path, name: str) -> int | None:
    """The major version in the name under which `library` looks for lib`name`."""
    try:
        match = re.search(rb"lib%s\.so\.(\d+)\0" % name.encode(), library.read_bytes())
    except OSError:
        return None
    return int(match[1]) if match else None


def has_driver() -> bool:
    """Whether NVIDIA's driver loads."""
    for name in _DRIVERS:
        try:
            CDLL(name)
        except OSError:
            continue
        return True
    return False


def _tensorrt_fault() -> str | None:
    from export.runtimes.tensorrt.library import KINDS, find_library

    for name, kind in KINDS.items():
        if find_spec(kind.module):
            try:
                find_library(name)
            except InputError as error:
                return str(error)
    return None
