import re
from pathlib import Path

import pytest
from support.html_tree import tree

from trellis.errors import InputError
from trellis.html.blocks import Section, bullets, command, facts, folded, grouped_table, table, verdict
from trellis.html.document import document
from trellis.html.file import write_page
from trellis.html.markup import element

CSS = tree(document("", [], [])).one("style").text


def test_a_document_has_what_readers_and_browsers_look_for() -> None:
    section = Section("speed", "Speed & more", element("p", "fast"))
    page = tree(document("A <title>", [element("p", "lead")], [section]))
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("title").text == page.one("h1").text == "A <title>"
    assert page.by_id("speed").one("h2").text == "Speed & more"
    assert page.one("nav").one("a").attributes["href"] == "#speed"
    ids = [node.attributes["id"] for node in page.everything() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert (link.attributes["href"] or "").removeprefix("#") in ids
    for named in page.everything():
        if name := named.attributes.get("aria-labelledby"):
            assert name in ids
    policy = page.all("meta")[1].attributes
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert "default-src 'none'" in (policy["content"] or "")


def test_tables_name_their_rows_and_columns_and_can_be_scrolled_by_keyboard() -> None:
    frame = tree(
        grouped_table("sizes", ("at", "ms"), [("a", [("here", "1")]), (None, [("there", "2")])])
    ).one("div")
    assert frame.attributes["tabindex"] == "0"
    assert frame.attributes["aria-label"] == frame.one("caption").text == "sizes"
    assert frame.rows() == [["at", "ms"], ["a"], ["here", "1"], ["there", "2"]]
    assert [cell.attributes["scope"] for cell in frame.all("th")] == ["col", "col", "rowgroup", "row", "row"]
    assert frame.all("th")[2].attributes["colspan"] == "2"
    assert tree(table("t", ("a", "b"), [("x", "<y>")], names=2)).rows()[1] == ["x", "<y>"]


def test_blocks() -> None:
    assert [item.text for item in tree(bullets(["a", "<b>"])).all("li")] == ["a", "<b>"]
    assert tree(facts([("known", "1"), ("unknown", None), ("empty", "")])).one("dt").text == "known"
    assert tree(command("bench '<a>'")).one("code").text == "bench '<a>'"
    assert tree(folded("more", element("p", "b"))).one("summary").text == "more"
    assert tree(verdict(True, "1 of 1")).text == "✓ met: 1 of 1"
    assert tree(verdict(False, "0 of 1")).one("strong").classes == ["missed"]


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    write_page(place, "é \udcff")  # a byte of a name that is no UTF-8
    assert place.read_bytes() == "é ?".encode()
    with pytest.raises(InputError, match="there is no directory"):
        write_page(tmp_path / "absent" / "page.html", "")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_from_the_paper(scheme: str) -> None:
    """WCAG 2: text has a contrast of 4.5 at least, what is drawn of 3."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    assert "prefers-color-scheme: dark" in CSS
    colours = dict(re.findall(r"--(\w+): (#\w+);", blocks[scheme == "dark"]))
    for name in ("ink", "soft", "met", "missed", "candidate"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
    assert _contrast(colours["ink"], colours["panel"]) >= 4.5
    for name in ("baseline", "other", "removed"):
        assert _contrast(colours[name], colours["paper"]) >= 3, name


def _contrast(first: str, second: str) -> float:
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_style_fetches_nothing() -> None:
    assert set(re.findall(r"url\(([^)]*)\)", CSS)) == {"#hatch-baseline", "#hatch-removed"}
    assert "@import" not in CSS
    assert "@font-face" not in CSS
