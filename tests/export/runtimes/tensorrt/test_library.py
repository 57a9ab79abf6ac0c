"""Which TensorRT is found, and what is said where there is none that can be used."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from export.runtimes.tensorrt.library import (
    KINDS,
    Library,
    check_parts,
    check_version,
    find_library,
    shortened,
)
from trellis.errors import InputError

RTX = "pip install --no-deps tensorrt_rtx_cu13_libs tensorrt_rtx_cu13_bindings"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages come before the installed ones."""
    for kind in KINDS.values():
        monkeypatch.delitem(sys.modules, kind.module, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def write_module(packages: Path, name: str, text: str) -> None:
    (packages / f"{name}.py").write_text(text)


def block(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = """
import sys
import export.runtimes.tensorrt
import export.runtimes.tensorrt.background, export.runtimes.tensorrt.build
import export.runtimes.tensorrt.adapter, export.runtimes.tensorrt.description
import export.runtimes.tensorrt.library, export.runtimes.tensorrt.network
import export.runtimes.tensorrt.profile, export.runtimes.tensorrt.runner
import export.runtimes.tensorrt.timing_cache
heavy = {"torch", "transformers", "tensorrt", "tensorrt_rtx_bindings", "onnxruntime", "cuda"}
print(sorted(heavy & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_with_none_installed_both_commands_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, "tensorrt", "tensorrt_rtx_bindings")
    with pytest.raises(InputError) as refusal:
        find_library()
    assert str(refusal.value) == (
        'An engine needs TensorRT, and none is installed; install it: pip install "tensorrt>=10,<12" '
        f"or, for RTX cards, {RTX}"
    )


@pytest.mark.parametrize(
    ("name", "module", "command"),
    [("tensorrt", "tensorrt", 'pip install "tensorrt>=10,<12"'), ("rtx", "tensorrt_rtx_bindings", RTX)],
)
def test_the_one_asked_for_is_the_one_that_is_missed(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, command: str
) -> None:
    block(monkeypatch, module)
    with pytest.raises(InputError, match="is not installed; install it: ") as refusal:
        find_library(name)  # type: ignore[arg-type]
    assert str(refusal.value).endswith(command)


def test_an_unknown_library_is_refused() -> None:
    with pytest.raises(InputError, match="The TensorRT library is 'trt'; expected one of tensorrt, rtx"):
        find_library("trt")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fault",
    [
        "raise ImportError('libnvinfer.so.10: cannot open shared object file: No such file or directory')",
        "raise OSError('libnvinfer.so.10: cannot open shared object file: No such file or directory')",
    ],
)
def test_a_library_without_its_shared_objects(
    packages: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    write_module(packages, "tensorrt", fault)
    block(monkeypatch, "tensorrt_rtx_bindings")
    for name in (None, "tensorrt"):
        with pytest.raises(InputError) as refusal:
            find_library(name)  # type: ignore[arg-type]
        assert str(refusal.value) == (
            "TensorRT is installed but does not load (libnvinfer.so.10: cannot open shared object file: No such "
            'file or directory); install it anew: pip install "tensorrt>=10,<12"'
        )


@pytest.mark.parametrize("text", ["from tensorrt_bindings_that_are_missing import *", "x = 1"])
def test_a_shell_without_a_library(packages: Path, text: str) -> None:
    write_module(packages, "tensorrt", text)
    with pytest.raises(InputError, match="TensorRT is installed but does not load"):
        find_library("tensorrt")


def test_an_unknown_version_is_refused(packages: Path) -> None:
    write_module(packages, "tensorrt", "__version__ = '9.3.0'")
    with pytest.raises(
        InputError, match=r"in version 9\.3\.0, and version 10 or 11 is needed; uninstall it, then: "
    ):
        find_library("tensorrt")


@pytest.mark.parametrize(
    ("name", "known"), [("tensorrt", ["10.0.1", "10.16.1.11", "11.4.1"]), ("rtx", ["1.0", "1.7.1.116"])]
)
def test_known_versions(name: str, known: list[str]) -> None:
    for version in known:
        check_version(KINDS[name], version)  # type: ignore[index]
    for version in ("", "9", "12.0", "2.0", "100", "1x"):
        with pytest.raises(InputError, match="is needed"):
            check_version(KINDS[name], version)  # type: ignore[index]


def test_parts_of_different_versions_are_refused(packages: Path) -> None:
    for part, version in (("libs", "1.6.0.7"), ("bindings", "1.7.1.116")):
        folder = packages / f"tensorrt_rtx_cu13_{part}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: tensorrt-rtx-cu13-{part}\nVersion: {version}\n"
        )
    with pytest.raises(InputError) as refusal:
        find_library("rtx")
    assert str(refusal.value) == (
        "TensorRT for RTX is installed in parts that do not fit each other, tensorrt_rtx_cu13_bindings 1.7.1.116 "
        f"and tensorrt_rtx_cu13_libs 1.6.0.7; install them anew in one version: {RTX}"
    )


def test_a_repackaging_is_the_same_version() -> None:
    check_parts(
        KINDS["tensorrt"], {"tensorrt_cu13_libs": "10.13.3.9.post1", "tensorrt_cu13_bindings": "10.13.3.9"}
    )
    check_parts(KINDS["tensorrt"], {})


def test_with_tensorrt_broken_the_other_is_taken(packages: Path) -> None:
    pytest.importorskip("tensorrt_rtx_bindings")
    write_module(packages, "tensorrt", "raise OSError('broken')")
    found = find_library()
    assert (found.name, found.title) == ("rtx", f"TensorRT for RTX {found.version}")


def test_what_is_logged_is_heard_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorrt_rtx_bindings")
    library = find_library("rtx")
    assert find_library("rtx").log is library.log
    with library.heard() as messages:
        library.log.log(library.module.ILogger.Severity.WARNING, "heard")
        library.log.log(library.module.ILogger.Severity.INFO, "not worth it")
    assert messages == [(2, "heard")]
    assert capfd.readouterr() == ("", "")


def test_a_library_that_does_not_start() -> None:
    """As TensorRT, unlike TensorRT for RTX, does not without a GPU."""

    def refuse(log: SimpleNamespace) -> None:
        log.messages.append((1, "CUDA initialization failure with error: 35"))
        raise TypeError("pybind11::init(): factory function returned nullptr")

    module = SimpleNamespace(Builder=refuse)
    library = Library("tensorrt", "10.13.3.9", module, SimpleNamespace(messages=[]))
    with pytest.raises(
        InputError, match=r"builder of TensorRT 10\.13\.3\.9 does not start: CUDA initialization"
    ):
        library.started("Builder")


def test_what_a_library_says_is_told_in_one_line() -> None:
    said = "Invalid Node - add\n[a.cpp::b::25] Error (types differ. In check at /src/a.cpp:40)\n  Invalid  Node - add"
    assert shortened(said, "more") == "Invalid Node - add; Error (types differ.); more"
    assert shortened("x" * 500, length=10) == "x" * 9 + "…"
