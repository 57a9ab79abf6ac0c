"""The document around the sections: one file, in need of nothing else."""

from collections.abc import Sequence
from pathlib import Path

from trellis.html.blocks import Section
from trellis.html.markup import Markup, element
from trellis.html.svg import PATTERNS

_STYLE = Path(__file__).with_name("page.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Held to by the browser: nothing is fetched, no script runs, whatever a name in the figures may hold."""


def document(title: str, lead: Sequence[Markup], sections: Sequence[Section]) -> str:
    """The whole HTML. `lead` stands above the contents, which name each section."""
    contents = element(
        "ul", *(element("li", element("a", each.heading, href=f"#{each.id}")) for each in sections)
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )
    body = element(
        "body",
        element("a", "To the contents", href="#contents", class_="skip"),
        PATTERNS,
        element("header", element("h1", title), *lead),
        element("nav", contents, id="contents", aria_label="Contents", tabindex="-1"),
        element("main", *(_section(each) for each in sections)),
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def _section(section: Section) -> Markup:
    heading = f"{section.id}-heading"
    return element(
        "section",
        element("h2", section.heading, id=heading),
        section.body,
        id=section.id,
        aria_labelledby=heading,
    )
