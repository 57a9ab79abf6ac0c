"""What is wrong with an installation: one sentence for each fault, with the command that mends it."""

from collections.abc import Iterator, Mapping
from importlib.metadata import distributions

from export.runtimes import RUNTIMES
from trellis.errors import InputError, InstallationError


def installed_versions() -> dict[str, str]:
    """Of the distributions that this process would import, by name in lower case with hyphens."""
    versions: dict[str, str] = {}
    for distribution in distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        versions.setdefault(name, distribution.version)  # the first on the path is the one imported
    return versions


def sentences(error: InputError, flags: Mapping[str, str] | None = None) -> list[str]:
    """What to say of `error`: itself and, where the installation is at fault, what else is wrong with that.

    `flags` says what is typed for each parameter that it may name.
    """
    return [error.told(flags or {}), *(hints() if isinstance(error, InstallationError) else [])]


def hints() -> list[str]:
    """What else is wrong with this installation than that something is missing, for those who just ran into it."""
    return [fault for fault in findings(installed_versions()) if "is not installed" not in fault]


def findings(versions: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the runtimes and beside them, a sentence each; nothing where all is well."""
    for runtime in RUNTIMES.values():
        yield from runtime.findings(versions)
    if "optimum-onnx" in versions:
        yield (
            f"optimum-onnx {versions['optimum-onnx']} holds transformers back, at "
            f"{versions.get('transformers', 'none')}: give it an environment of its own, or "
            "pip uninstall -y optimum-onnx && pip install --upgrade transformers."
        )
