"""The rooms of the house stand in one order, and no file imports from a room above its own."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("trellis", "prune", "export", "answer", "bench", "trellis.cli", "studies")
"""From the ground up: a room imports from those before it and from itself."""


def _room(module: str) -> int:
    """The place in ORDER of the room that holds `module`."""
    return max(
        (place for place, room in enumerate(ORDER) if f"{module}.".startswith(f"{room}.")),
        key=lambda place: len(ORDER[place]),
    )


def _modules() -> dict[str, Path]:
    """All modules of the product and its studies, by dotted name."""
    files = (
        file
        for room in dict.fromkeys(room.split(".")[0] for room in ORDER)
        for file in (ROOT / room).rglob("*.py")
    )
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


MODULES = _modules()


def _imports(file: Path) -> Iterator[str]:
    """Modules of ours that `file` imports, inside functions and for type checkers as well."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from {name if name in MODULES else node.module for name in names} & MODULES.keys()
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & MODULES.keys()


@pytest.mark.parametrize("room", ORDER)
def test_no_file_imports_from_a_room_above_its_own(room: str) -> None:
    place = ORDER.index(room)
    up = [
        f"{module} imports {imported}"
        for module, file in MODULES.items()
        if _room(module) == place
        for imported in _imports(file)
        if _room(imported) > place
    ]
    assert up == []


def test_imports_form_no_circle() -> None:
    graph = {module: set(_imports(file)) - {module} for module, file in MODULES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_every_room_is_looked_at() -> None:
    counts = [sum(_room(module) == place for module in MODULES) for place in range(len(ORDER))]
    assert min(counts) > 5
