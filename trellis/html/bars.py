"""The chart of two lengths beside each other, pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis.html.format import digits, fit
from trellis.html.markup import Markup
from trellis.html.svg import LETTER, WIDTH, Kind, chart, legend, rect, text

_PAIR = 50.0


@dataclass(frozen=True)
class Pair:
    """What the baseline and the candidate took, in one unit."""

    label: str
    baseline: float
    candidate: float


def bars(label: str, pairs: Sequence[Pair], *, names: tuple[str, str], unit: str) -> Markup:
    """Horizontal bars from 0 on, hatched for the baseline and full for the candidate, each with its figure."""
    longest = max(max(pair.baseline, pair.candidate) for pair in pairs)
    whole = WIDTH - LETTER * (len(unit) + 7)
    kinds: tuple[Kind, Kind] = ("baseline", "candidate")
    parts, above = legend(12, list(zip(kinds, names, strict=True)))
    y = 24.0
    for pair in pairs:
        parts.append(text(0, y + 12, fit(pair.label, int(WIDTH / LETTER))))
        for place, (kind, value) in enumerate(zip(kinds, (pair.baseline, pair.candidate), strict=True)):
            top, width = y + 17 + 14 * place, whole * value / longest
            parts += [
                rect(0, top, width, 12, f"bar {kind}"),
                text(width + 5, top + 10, f"{digits(value)} {unit}", class_="reading"),
            ]
        y += _PAIR
    return chart(label, y, *parts, above=above)
