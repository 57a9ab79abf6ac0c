"""What README and the pages of docs/ point to is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
ROOMS = ("answer", "bench", "docker", "docs", "examples", "export", "prune", "studies", "tests", "trellis")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> Iterator[tuple[str, str]]:
    """(file, anchor) of each link within the project."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield file, anchor


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    gone = []
    for file, anchor in links(page):
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            gone.append(f"{file}#{anchor}")
    assert gone == []


@every_page
def test_files_of_the_project_that_are_named_are_there(page: Path) -> None:
    named = re.findall(
        rf"(?<![\w/.-])((?:{'|'.join(ROOMS)})/[\w/.-]*\w/?)(?![\w*{{])", page.read_text(encoding="utf-8")
    )
    assert [name for name in dict.fromkeys(named) if not (ROOT / name).exists()] == []


@every_page
def test_modules_that_are_to_be_run_are_there(page: Path) -> None:
    run = re.findall(r"python -m ((?:studies|trellis|bench)[\w.]*)", page.read_text(encoding="utf-8"))
    gone = [
        name
        for name in run
        if not (ROOT / name.replace(".", "/")).with_suffix(".py").exists()
        and not (ROOT / name.replace(".", "/") / "__main__.py").exists()
    ]
    assert gone == []


def test_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
