"""What messages tell people to install is there to be had."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def told() -> Iterator[str]:
    """What stands behind each `pip install` in the packages, in README and in the docs."""
    for name in ("answer", "bench", "export", "prune", "trellis"):
        for path in (ROOT / name).rglob("*.py"):
            yield from re.findall(r"pip install ([^\n]*)", path.read_text(encoding="utf-8"))
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        yield from re.findall(r"pip install ([^\n]*)", page.read_text(encoding="utf-8"))


def test_nobody_is_told_to_install_us_from_an_index() -> None:
    found = list(told())
    assert len(found) > 10
    assert [line for line in found if "espalier" in line] == []


def test_readme_installs_so_that_nothing_else_of_a_packages_name_hides_it() -> None:
    lines = re.findall(r"pip install ([^\n]*)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [line for line in lines if line.startswith("-e")] == []
    assert any(line.startswith('".[cpu]"') for line in lines)
