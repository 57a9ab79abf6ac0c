"""From figures to coordinates, and where an axis is marked."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps `low`..`high` to the coordinates `start`..`end`, evenly or by ratios (`log`; all above 0)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The coordinate of `value`; what lies outside is put at the nearer end."""
        low, high = self._bend(self.low), self._bend(self.high)
        share = (self._bend(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round figures within the scale, three to about seven."""
        if self.log:
            found = _by_ratio(self.low, self.high)
            if len(found) >= 3:
                return found
        return _even(self.low, self.high)

    def _bend(self, value: float) -> float:
        return math.log(value) if self.log else value


def around(
    low: float,
    high: float,
    start: float,
    end: float,
    *,
    log: bool = False,
    room: float = 0.06,
    least: float | None = None,
) -> Scale:
    """A scale for figures from `low` to `high`, with `room` (of its length) or more left at either end: to a round one.

    It spans `least`, a difference or (`log`) a ratio, at least, lest small differences look large.
    """
    if least is not None:
        low, high = _widened(low, high, least, log)
    alike = high - low <= 1e-3 * max(abs(low), abs(high))
    if log:
        margin = 1.1 if alike else (high / low) ** room
        low, high = low / margin, high * margin
        if high / low >= _RATIOS:
            low, high = _round_ratios(low, high)
        return Scale(low, high, start, end, True)
    margin = (abs(high) * 0.1 or 1.0) if alike else (high - low) * room
    step = _step(low - margin, high + margin)
    first = math.floor((low - margin) / step + _SLACK)
    first = max(first, 0) if 0 <= low < high else first  # what is never below 0 has no axis there
    last = math.ceil((high + margin) / step - _SLACK)
    return Scale(float(f"{first * step:.6g}"), float(f"{last * step:.6g}"), start, end)


_RATIOS = 1.5
"""Ratio of the ends from which a scale of ratios is marked at 1, 1.5, 2, ..., and not evenly."""
_SLACK = 1e-9


def _widened(low: float, high: float, least: float, log: bool) -> tuple[float, float]:
    if log:
        margin = math.sqrt(max(1.0, least * low / high))
        return low / margin, high * margin
    margin = max(0.0, least - (high - low)) / 2
    return low - margin, high + margin


def _round_ratios(low: float, high: float) -> tuple[float, float]:
    """The round figures next below `low` and above `high`."""
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    found = [float(f"{step * 10.0**exponent:.6g}") for exponent in exponents for step in _STEPS[-1]]
    below = max(value for value in found if value <= low * (1 + _SLACK))
    return below, min(value for value in found if value >= high * (1 - _SLACK))


_STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))


def _by_ratio(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in _STEPS:
        found = [step * 10.0**exponent for exponent in exponents for step in steps]
        found = [float(f"{value:.6g}") for value in found if low <= value <= high]
        if len(found) >= 4:
            break
    return found[:: math.ceil(len(found) / 8)] if found else found


def _even(low: float, high: float) -> list[float]:
    step = _step(low, high)
    first, last = math.ceil(low / step - _SLACK), math.floor(high / step + _SLACK)
    return [float(f"{index * step:.6g}") for index in range(first, last + 1)]


def _step(low: float, high: float) -> float:
    """A round distance that goes into the whole some five times."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
