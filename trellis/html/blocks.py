"""Tables, figures and lists, so that every page has them alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trellis.html.markup import Markup, element, join


@dataclass(frozen=True)
class Section:
    """A part of a page that the contents lead to."""

    id: str
    heading: str
    body: Markup


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1) -> Markup:
    """Rows below `headings`; the first `names` columns say what a row is about, the others hold figures.

    Where it is wider than the screen it is scrolled within its frame, by keyboard too.
    """
    return grouped_table(caption, headings, [(None, rows)], names=names)


def grouped_table(
    caption: str,
    headings: Sequence[str],
    groups: Iterable[tuple[str | None, Iterable[Sequence[str]]]],
    *,
    names: int = 1,
) -> Markup:
    """The same with rows in groups, each below what they have in common."""
    head = [_cell("th", heading, index < names, scope="col") for index, heading in enumerate(headings)]
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", *head)),
            *(_group(heading, rows, len(headings), names) for heading, rows in groups),
        ),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=caption,
    )


def _group(heading: str | None, rows: Iterable[Sequence[str]], columns: int, names: int) -> Markup:
    common = element("th", heading, scope="rowgroup", colspan=columns, class_="group") if heading else None
    return element("tbody", element("tr", common) if common else None, *(_row(row, names) for row in rows))


def _row(cells: Sequence[str], names: int) -> Markup:
    named = [_cell("th", cell, True, scope="row") for cell in cells[:names]]
    return element("tr", *named, *(_cell("td", cell, False) for cell in cells[names:]))


def _cell(kind: str, content: str, is_name: bool, scope: str | None = None) -> Markup:
    class_ = "name long" if len(content) > _LONG else "name"
    return element(kind, content, scope=scope, class_=class_ if is_name else None)


_LONG = 24
"""Letters of a row's name from which it may take several lines."""


def figure(picture: Markup, *caption: str) -> Markup:
    """A chart with the words below it."""
    return element("figure", picture, element("figcaption", *caption))


def gallery(figures: Iterable[Markup]) -> Markup:
    """Figures side by side, as many as the screen has room for."""
    return element("div", *figures, class_="gallery")


def beside(*blocks: Markup) -> Markup:
    """A figure and its table: side by side where there is room."""
    return element("div", *blocks, class_="beside")


def bullets(items: Iterable[str], class_: str | None = None) -> Markup:
    """A list without order."""
    return element("ul", *(element("li", item) for item in items), class_=class_)


def warnings(items: Iterable[str]) -> Markup:
    """What a figure must not be read without, each once; nothing where there is nothing."""
    told = [f"⚠ {item}" for item in dict.fromkeys(items)]
    return bullets(told, "warnings") if told else Markup()


def facts(pairs: Iterable[tuple[str, str | None]]) -> Markup:
    """Terms with what is known of them; those of which nothing is known are left out."""
    known = [
        element("div", element("dt", term), element("dd", value))
        for term, value in pairs
        if value not in (None, "")
    ]
    return element("dl", *known)


def command(line: str) -> Markup:
    """What was typed; scrolled where it is long."""
    code = element("code", line)
    return element("pre", code, tabindex="0", role="region", aria_label="The command that made this page")


def folded(summary: str, *body: str) -> Markup:
    """What is seen once asked for."""
    return element("details", element("summary", summary), *body)


def verdict(met: bool, words: str) -> Markup:
    """A limit that was met or missed, told by sign and word, not by colour alone."""
    sign = "✓ met" if met else "✗ missed"
    return join([element("strong", sign, class_="met" if met else "missed"), ": ", words])
