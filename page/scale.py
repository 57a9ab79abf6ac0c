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
    low: float, high: float, start: float, end: float, *, log: bool = False, room: float = 0.06
) -> Scale:
    """A scale for figures from `low` to `high`, with `room` (of its length) left at either end."""
    alike = high - low <= 1e-3 * max(abs(low), abs(high))
    if log:
        margin = 1.1 if alike else (high / low) ** room
        return Scale(low / margin, high * margin, start, end, True)
    margin = (abs(high) * 0.1 or 1.0) if alike else (high - low) * room
    return Scale(low - margin, high + margin, start, end)


def _by_ratio(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        found = [step * 10.0**exponent for exponent in exponents for step in steps]
        found = [float(f"{value:.6g}") for value in found if low <= value <= high]
        if len(found) >= 4:
            break
    return found[:: math.ceil(len(found) / 8)] if found else found


def _even(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.6g}") for index in range(first, last + 1)]
