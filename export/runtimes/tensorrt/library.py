"""Which TensorRT is here: NVIDIA's TensorRT or TensorRT for RTX, whose Python API is the same."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import distributions
from typing import Any, Literal, NamedTuple

from trellis.errors import InputError, InstallationError

LibraryName = Literal["tensorrt", "rtx"]


class Kind(NamedTuple):
    """What is special to one of the libraries."""

    title: str
    module: str
    packages: re.Pattern[str]
    """Names of the two distributions that must be of one version: shared libraries and Python bindings."""
    majors: tuple[int, ...]
    """Major versions whose API this package knows."""
    install: str


KINDS: dict[LibraryName, Kind] = {
    "tensorrt": Kind(
        "TensorRT",
        "tensorrt",
        re.compile(r"tensorrt_cu\d+_(libs|bindings)"),
        (10, 11),
        'pip install "tensorrt>=10,<12"',
    ),
    "rtx": Kind(
        "TensorRT for RTX",
        "tensorrt_rtx_bindings",
        re.compile(r"tensorrt_rtx_cu\d+_(libs|bindings)"),
        (1,),
        "pip install --no-deps tensorrt_rtx_cu13_libs tensorrt_rtx_cu13_bindings",
    ),
}
"""In the order in which they are looked for."""


class Message(NamedTuple):
    """A line of the library's log."""

    severity: int
    """0 internal error, 1 error, 2 warning; nothing milder is kept."""
    text: str


@dataclass(frozen=True)
class Library:
    """A TensorRT that loads and whose API is known."""

    name: LibraryName
    version: str
    module: Any
    log: Any
    """The one logger of this process: TensorRT holds on to the first that it is given."""

    @property
    def title(self) -> str:
        """Its name and version, for people."""
        return f"{KINDS[self.name].title} {self.version}"

    @contextmanager
    def heard(self) -> Iterator[list[Message]]:
        """Yield the list of warnings and errors that are logged within. Builds in one process take turns."""
        messages: list[Message] = []
        self.log.messages = messages
        yield messages

    def started(self, part: Literal["Builder", "Runtime"]) -> Any:
        """The library's builder or runtime; raises InputError where it does not start, as for want of a GPU."""
        with self.heard() as messages:
            try:
                return getattr(self.module, part)(self.log)
            except (TypeError, RuntimeError) as error:  # TypeError: pybind's word for a null pointer
                told = shortened(*(text for _, text in messages)) or shortened(str(error))
                raise InstallationError(
                    f"The {part.lower()} of {self.title} does not start: {told}. It needs an NVIDIA GPU and its "
                    f"driver; without one, only {KINDS['rtx'].title} builds engines, and none runs."
                ) from error


def find_library(name: LibraryName | None = None) -> Library:
    """The library called `name`; without a name TensorRT, or else TensorRT for RTX.

    Raises InputError, with the command that installs it, where it is not installed, does not load, has a
    version that is not known, or consists of parts that do not belong together.
    """
    if name is not None:
        return _load(library_name(name))
    faults = []
    for each in KINDS:
        try:
            return _load(each)
        except _NotInstalledError:
            continue
        except InputError as error:
            faults.append(error)
    if faults:
        raise faults[0]
    commands = " or, for RTX cards, ".join(kind.install for kind in KINDS.values())
    raise InstallationError(f"An engine needs TensorRT, and none is installed; install it: {commands}")


def library_name(value: str) -> LibraryName:
    """`value` where it names a library; raises InputError."""
    if value not in KINDS:
        raise InputError(f"The TensorRT library is {value!r:.40}; expected one of {', '.join(KINDS)}.")
    return value


class _NotInstalledError(InputError):
    pass


def _load(name: LibraryName) -> Library:
    kind = KINDS[name]
    check_parts(kind, _installed(kind.packages))
    try:
        module = import_module(kind.module)
        version = str(module.__version__)
    except ModuleNotFoundError as error:
        if error.name == kind.module:
            raise _NotInstalledError(f"{kind.title} is not installed; install it: {kind.install}") from error
        raise _does_not_load(kind, error) from error
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise _does_not_load(kind, error) from error
    check_version(kind, version)
    return Library(name, version, module, _logger(module))


def check_parts(kind: Kind, versions: Mapping[str, str]) -> None:
    """Raise InputError unless the distributions in `versions`, by name, are all of one version."""
    if len({_release(version) for version in versions.values()}) > 1:
        came = " and ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        raise InstallationError(
            f"{kind.title} is installed in parts that do not fit each other, {came}; "
            f"install them anew in one version: {kind.install}"
        )


def check_version(kind: Kind, version: str) -> None:
    """Raise InputError unless `version` begins with a major version that this package knows."""
    major = version.partition(".")[0]
    known = [str(each) for each in kind.majors]
    if major not in known:
        raise InstallationError(
            f"{kind.title} is installed in version {version}, and version {' or '.join(known)} is needed; "
            f"uninstall it, then: {kind.install}"
        )


def _installed(packages: re.Pattern[str]) -> dict[str, str]:
    """Versions of the installed distributions that match, by name."""
    found: dict[str, str] = {}
    for distribution in distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("-", "_")
        if packages.fullmatch(name):
            found.setdefault(name, distribution.version)  # the first on the path is the one imported
    return found


def _release(version: str) -> str:
    """A version without what a repackaging adds to it."""
    return re.sub(r"\.post\d+$", "", version)


def _does_not_load(kind: Kind, error: Exception) -> InputError:
    said = shortened(str(error) or type(error).__name__)
    return InputError(
        f"{kind.title} is installed but does not load ({said}); install it anew: {kind.install}"
    )


@cache
def _logger(module: Any) -> Any:
    class Logger(module.ILogger):  # type: ignore[misc]  # the base is known only once a library is loaded
        """Keeps warnings and errors, so that they become sentences instead of lines on the terminal."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.messages: list[Message] = []

        def log(self, severity: Any, text: str) -> None:
            """Called by the library, from any of its threads."""
            if int(severity) <= 2:
                self.messages.append(Message(int(severity), text))

    return Logger()


def shortened(*texts: str, length: int = 400) -> str:
    """What a library said, on one line of at most `length` characters, each thing once."""
    lines = (" ".join(line.split()) for text in texts for line in text.splitlines())
    # where in its own source the library noticed tells a user nothing
    plain = (re.sub(r"^\[\S*\] | ?\bIn \S+ at \S+:\d+", "", line) for line in lines)
    told = "; ".join(dict.fromkeys(line for line in plain if line))
    return told if len(told) <= length else told[: length - 1] + "…"
