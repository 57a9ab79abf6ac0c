"""HTML read into a tree, strictly: what is opened is closed, in order."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "hr"}


@dataclass
class Node:
    """One element."""

    name: str
    attributes: dict[str, str | None]
    children: list["Node | str"] = field(default_factory=list)

    def all(self, name: str, class_: str | None = None) -> list["Node"]:
        """Elements of that name below it, at any depth, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                if child.name == name and (class_ is None or class_ in child.classes):
                    found.append(child)
                found += child.all(name, class_)
        return found

    def one(self, name: str, class_: str | None = None) -> "Node":
        (found,) = self.all(name, class_)
        return found

    def by_id(self, id_: str) -> "Node":
        (found,) = (node for node in self.everything() if node.attributes.get("id") == id_)
        return found

    def everything(self) -> list["Node"]:
        """It and all elements below it."""
        below = [node for child in self.children if isinstance(child, Node) for node in child.everything()]
        return [self, *below]

    @property
    def classes(self) -> list[str]:
        return (self.attributes.get("class") or "").split()

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def number(self, name: str) -> float:
        return float(self.attributes[name] or "")

    def rows(self) -> list[list[str]]:
        """Of a table: the texts of its cells, headings included."""
        cells = ("th", "td")
        return [
            [cell.text for cell in row.children if isinstance(cell, Node) and cell.name in cells]
            for row in self.all("tr")
        ]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Node("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs))
        assert len(node.attributes) == len(attrs), f"{tag} has an attribute twice"
        self.open[-1].children.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def tree(html: str) -> Node:
    """The document `html`; fails where its tags are not nested."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert len(builder.open) == 1, f"<{builder.open[-1].name}> stays open"
    return builder.open[0]
