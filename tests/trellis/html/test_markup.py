import pytest
from support.html_tree import tree

from trellis.html.markup import Markup, element, join, number


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = element("b", "1 < 2 & 3")
    assert element("p", inner, " & <i>") == "<p><b>1 &lt; 2 &amp; 3</b> &amp; &lt;i&gt;</p>"
    assert isinstance(join(["a", Markup("<br>"), None]), Markup)
    assert join(["<", Markup("<br>"), None]) == "&lt;<br>"


def test_attributes_cannot_be_broken_out_of() -> None:
    hostile = '"><script>alert(1)</script>'
    node = tree(element("p", aria_label=hostile, class_="x", title=None)).one("p")
    assert node.attributes == {"aria-label": hostile, "class": "x"}
    assert node.children == []


def test_elements_without_content_are_closed_their_own_way() -> None:
    assert element("meta", name="a") == '<meta name="a">'
    assert element("rect", x=1.0, stroke_width=0.5) == '<rect x="1" stroke-width="0.5"/>'
    assert element("p") == "<p></p>"


@pytest.mark.parametrize(
    ("value", "written"),
    [(3, "3"), (3.0, "3"), (100.0, "100"), (1.005, "1"), (0.125, "0.12"), (-2.5, "-2.5"), (1e7, "10000000")],
)
def test_coordinates_have_two_decimals_at_most(value: float, written: str) -> None:
    assert number(value) == written
