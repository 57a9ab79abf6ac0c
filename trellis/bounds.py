"""How large a number may be that a user or a file gives: beyond this nothing computes with it any more.

The bounds are wide. They are no advice, but keep numbers within what 32 bits, floats and patience can hold.
"""

import math
from collections.abc import Iterator
from reprlib import repr as shortened
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from trellis.errors import InputError, Parameter

MOST = 2**31 - 1
"""Of whatever is counted: tokens, questions, rows, sizes."""
MOST_SEED = 2**32 - 1
"""What every library's generator takes."""
MOST_THREADS = 1024
MOST_STEP = 2**16
"""Windows in one step of training."""
MOST_EPOCHS = 10_000.0
MOST_RATE = 1_000.0
"""Learning rates, temperatures, and how far weights decay."""
LEAST_TEMPERATURE = 1e-3
MOST_WEIGHT = 1e9
"""Of a part of a loss, and of λ."""
MOST_LOGIT = 1e30
"""Of a null threshold: more than any odds, and finite in every format."""


def check_whole(name: str | Parameter, value: Any, least: int, most: int = MOST) -> None:
    """Raise InputError, calling it `name`, unless `value` is a whole number from `least` to `most`; a bool is none."""
    if type(value) is not int or value < least:
        raise InputError("{} is {}; expected a whole number of at least {}.", name, shortened(value), least)
    if value > most:
        raise InputError("{} is {}; expected at most {}.", name, shortened(value), most)


def check_number(name: str | Parameter, value: Any, low: float, high: float, *, above: bool = False) -> None:
    """Raise InputError, calling it `name`, unless `value` is a number from `low` (or `above` it) to `high`."""
    is_number = type(value) is int or (type(value) is float and math.isfinite(value))
    if not is_number or value < low or (above and value == low):
        least = (
            f"above {low:g}" if above else f"of at least {low:g}" if low > -high else f"within {high:g} of 0"
        )
        raise InputError("{} is {}; expected a number {}.", name, shortened(value), least)
    if value > high:
        raise InputError("{} is {}; expected at most {:g}.", name, shortened(value), high)


def check_choices(options: Any) -> None:
    """Raise InputError where a field of `options`, a dataclass, has another word than its type's few.

    A command never gets that far; what Python calls may.
    """
    for name, words, is_optional in _words_of(type(options)):
        value = getattr(options, name)
        if value not in words and not (is_optional and value is None):
            *most, last = words
            raise InputError(
                "{} is {}; expected {} or {}.", Parameter(name), shortened(value), ", ".join(most), last
            )


def _words_of(kind: type) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """(field, what it can be, whether it may be None)."""
    for name, hint in get_type_hints(kind).items():
        parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        for part in parts:
            if get_origin(part) is Literal:
                yield name, get_args(part), type(None) in parts
