"""The project as it is installed: every file it needs is in the wheel, and its folders' names are nobody else's."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from trellis.version import VERSION

ROOT = Path(__file__).parents[2]
PACKAGES = ("answer", "bench", "export", "prune", "trellis")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as a build leaves folders of its own beside what it builds."""
    copy = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", copy / "wheels", copy)
    (built,) = (copy / "wheels").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of an environment with the wheel in it; what it needs comes from the environment of the tests."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, symlinks=True)
    python = root / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel)
    (packages,) = root.glob("lib/python*/site-packages")
    shared = [path for path in sys.path if path.endswith("site-packages")]
    # paths added in this way do not have their own .pth files read, which would bring the editable install in
    (packages / "shared.pth").write_text("".join(f"{path}\n" for path in shared))
    return root / "bin"


@pytest.fixture
def hiding(tmp_path: Path) -> Path:
    """A working directory whose empty folders are called what our packages are called."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
    return tmp_path


def run(*command: object, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sources() -> Iterator[str]:
    for name in PACKAGES:
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == set(sources())


def test_it_goes_by_a_name_of_its_own_and_the_one_version(wheel: Path) -> None:
    name = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    assert name != "espalier"  # which is another's on PyPI
    assert wheel.name.startswith(f"{name.replace('-', '_')}-{VERSION}-py3-")


@pytest.mark.parametrize("command", ["answer", "bench", "prune-export"])
def test_a_command_starts_beside_empty_folders_of_our_names(
    installed: Path, hiding: Path, command: str
) -> None:
    assert f"Usage: {command}" in run(installed / command, "--help", cwd=hiding)


@pytest.mark.parametrize("package", PACKAGES)
def test_python_finds_the_package_beside_empty_folders_of_our_names(
    installed: Path, hiding: Path, package: str
) -> None:
    found = run(installed / "python", "-c", f"import {package}; print({package}.__file__)", cwd=hiding)
    assert Path(found.strip()).is_relative_to(installed.parent)
