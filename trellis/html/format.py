"""Numbers as a person reads them, and names as short as they may be."""

from collections.abc import Sequence


def digits(value: float) -> str:
    """Three digits that count, and no exponent."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")


def times(ratio: float) -> str:
    """A ratio in the one way that all tables, pages and sentences put it: "1.62×", nearer to 1 "0.985×"."""
    return f"{ratio:.{_decimals(ratio)}f}×"


def interval(low: float, high: float, estimate: float) -> str:
    """From where to where the `estimate` of a ratio may lie, to as many decimals as it has: "1.58 to 1.66"."""
    decimals = _decimals(estimate)
    return f"{low:.{decimals}f} to {high:.{decimals}f}"


def as_fast(estimate: float, low: float, high: float, confidence: float = 0.95) -> str:
    """A ratio of speeds and its interval, never inverted: below 1 is slower. "1.62× as fast (95 % interval ...)"."""
    return f"{times(estimate)} as fast ({100 * confidence:.0f} % interval {interval(low, high, estimate)})"


def _decimals(ratio: float) -> int:
    """Two, and three where two would leave little of what a ratio near 1 says, or of a small one."""
    return 3 if 0.9 < ratio < 1.1 or ratio < 0.1 else 2


def mebibytes(size: float | None) -> str:
    """Bytes in MiB; "" where there are none."""
    return "" if size is None else digits(size / 2**20)


def milliseconds(seconds: float | None) -> str:
    """Seconds in ms; "" where there are none."""
    return "" if seconds is None else digits(1000 * seconds)


def fit(text: str, characters: int) -> str:
    """At most so many characters: what is too much goes from the middle, since names differ at their ends."""
    if len(text) <= characters:
        return text
    kept = characters - 1
    return f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"


def short_names(names: Sequence[str]) -> dict[str, str]:
    """For each path the shortest end of it that is no other's, also within names like "twin of PATH"."""
    distinct = sorted(set(names), key=len)
    short: dict[str, str] = {}
    for name in distinct:
        within = next((other for other in reversed(list(short)) if f" {other}" in name), None)
        if within:
            short[name] = name.replace(within, short[within])
            continue
        others = [other for other in distinct if other != name and f" {name}" not in other]
        # of what has spaces it cannot be told where a path begins
        parts = [name] if " " in name else name.rstrip("/").split("/")
        ends = ("/".join(parts[-count:]) for count in range(1, len(parts) + 1))
        alone = (end for end in ends if not any(_ends_with(other, end) for other in others))
        short[name] = next(alone, name) or name
    return short


def without_common_end(names: Sequence[str]) -> list[str]:
    """Names without the file's name, where all that are of files, two or more, have the same: "light/model.onnx"."""
    parts = [name.partition(" (") for name in names]  # how it is run stands behind it
    ends = [path.rpartition("/")[2] for path, _, _ in parts if "/" in path]
    if len(ends) < 2 or len(set(ends)) > 1:
        return list(names)
    return ["".join((path.removesuffix(f"/{ends[0]}"), *how)) for path, *how in parts]


def _ends_with(name: str, end: str) -> bool:
    return f"/{name.rstrip('/')}".endswith(f"/{end}")
