"""The picture of a cut model: layer by layer, what it kept of its heads and of its feed-forward activations."""

from collections.abc import Mapping, Sequence

from trellis.html.blocks import figure
from trellis.html.markup import Markup
from trellis.html.svg import WIDTH, chart, rect, text

_ROW, _BAR = 16.0, 11.0
_TITLES = ("heads", "feed-forward")
_LEFT, _GAP, _DIGIT = 26.0, 14.0, 7.1

HEADINGS = ("layer", "heads before", "heads now", "activations before", "activations now")
"""Of the table of `layers_rows`."""

Sizes = Mapping[str, Sequence[int]]
"""Under num_heads and under intermediate_size one number for each layer, first to last."""

_KEYS = ("num_heads", "intermediate_size")


def layers_figure(
    name: str, shape: Sizes, whole: Sizes, which_heads: Sequence[Sequence[int]] | None = None
) -> Markup:
    """The picture of `layers` with its caption, for a model of that name that was cut from `whole` to `shape`."""
    amounts = " and ".join(
        f"{sum(shape[key]) / max(sum(whole[key]), 1):.1%} of {what}"
        for key, what in zip(_KEYS, ("heads", "feed-forward activations"), strict=True)
    )
    kept = (shape[_KEYS[0]], shape[_KEYS[1]])
    said = "; ".join(
        f"layer {index}: {heads} heads, {width} activations"
        for index, (heads, width) in enumerate(zip(*kept, strict=True))
    )
    label = f"What each layer of {name} kept: {amounts}; {said}."
    picture = layers(label, kept, (whole[_KEYS[0]], whole[_KEYS[1]]), which_heads)
    return figure(
        picture, f"{name}: {amounts} kept. Layer 0 reads the embeddings. Full: kept; hatched: removed."
    )


def layers_rows(shape: Sizes, whole: Sizes) -> list[tuple[str, ...]]:
    """The same figures for a table below HEADINGS."""
    sizes = [sizes[key] for key in _KEYS for sizes in (whole, shape)]
    return [(str(index), *map(str, row)) for index, row in enumerate(zip(*sizes, strict=True))]


def layers(
    label: str,
    kept: tuple[Sequence[int], Sequence[int]],
    whole: tuple[Sequence[int], Sequence[int]],
    which_heads: Sequence[Sequence[int]] | None = None,
) -> Markup:
    """One row for each layer, first to last: (heads, activations) `kept` in full, what went of the `whole` hatched.

    `which_heads` lists for each layer the heads that stayed, where that is known: then each head has its cell.
    """
    readings = [
        [f"{stays}/{was}" for stays, was in zip(now, before, strict=True)]
        for now, before in zip(kept, whole, strict=True)
    ]
    rooms = [5 + _DIGIT * max(map(len, each)) for each in readings]
    length = (WIDTH - _LEFT - _GAP - sum(rooms)) / 2
    parts = [text(18, 30 + _ROW * index, str(index), anchor="end") for index in range(len(kept[0]))]
    x = _LEFT
    for kind, (now, before) in enumerate(zip(kept, whole, strict=True)):
        parts.append(text(x, 12, _TITLES[kind], class_="heading"))
        unit = length / max(*before, 1)
        for index, (stays, was) in enumerate(zip(now, before, strict=True)):
            y = 20 + _ROW * index
            cells = which_heads[index] if which_heads and not kind else None
            parts += _bar(x, y, unit, stays, was, cells)
            parts.append(text(x + length + 5, y + 10, readings[kind][index], class_="reading"))
        x += length + rooms[0] + _GAP
    return chart(label, 24 + _ROW * len(kept[0]), *parts)


def _bar(x: float, y: float, unit: float, stays: int, was: int, cells: Sequence[int] | None) -> list[Markup]:
    if cells is not None:
        there = set(cells)
        return [
            rect(
                x + unit * head + 0.5, y, unit - 1, _BAR, "bar candidate" if head in there else "bar removed"
            )
            for head in range(was)
        ]
    return [rect(x, y, unit * was, _BAR, "bar removed"), rect(x, y, unit * stays, _BAR, "bar candidate")]
