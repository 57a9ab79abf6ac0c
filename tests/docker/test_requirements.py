"""What the images install is pinned, whole, and what pyproject.toml says."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LEFT_OUT = {"tokenizers": {"huggingface-hub"}}
"""Dependency that the runtime image does without, by what asks for it."""


def names(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield canonicalize_name(Requirement(line).name)


RUNTIME = list(names(ROOT / "docker/runtime-requirements.txt"))


def test_the_runtime_image_takes_pinned_versions_only() -> None:
    assert set(RUNTIME) <= set(names(ROOT / "constraints.txt"))


@pytest.mark.parametrize("name", RUNTIME)
def test_what_a_package_of_the_runtime_image_needs_is_there_too(name: str) -> None:
    wanted = [Requirement(line) for line in requires(name) or ()]
    needed = {
        canonicalize_name(one.name) for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})
    }
    assert needed - LEFT_OUT.get(name, set()) <= set(RUNTIME)


def test_the_other_images_take_what_pyproject_names() -> None:
    command = [sys.executable, "docker/requirements.py", "cpu", "int8"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert told == [*project["dependencies"], *extras["cpu"], *extras["int8"]]


def test_every_package_reaches_the_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert packages <= let_through


def test_what_the_project_is_built_from_reaches_the_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in (project["readme"], *project["license-files"])} <= set(let_through)
