"""A share as people write one: 2% or 0.02."""

from trellis.errors import InputError, Parameter


def parse_share(option: str | Parameter, text: str) -> float:
    """A share like "2%" or "0.02", of any size and perhaps not finite; raises InputError naming `option`."""
    number = text.strip()
    try:
        return float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        raise InputError("{} is {!r}; give a share like 2% or 0.02.", option, text) from None
