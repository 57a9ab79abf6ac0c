"""Which batches and lengths an engine serves, and what it is tuned for. Pure; no TensorRT here."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from prune.families.encoder import Encoder
from trellis.errors import InputError

Size = tuple[int, int]
"""(sequences in a batch, tokens in each)."""

MAX_BATCH = 65_535
"""Far above what serves anybody; beyond it tensors grow past what TensorRT can address."""
GRAMMAR = (
    "BATCHxLENGTH with each of the two N, MIN..MAX or MIN..OPTIMUM..MAX, such as 1x384 or 1..8..32x16..512"
)

_RANGE = r"([1-9][0-9]{0,5})(?:\.\.([1-9][0-9]{0,5}))?(?:\.\.([1-9][0-9]{0,5}))?"
_PROFILE = re.compile(f"{_RANGE}x{_RANGE}")


@dataclass(frozen=True)
class Profile:
    """One optimization profile: the smallest and the largest size that it takes, and the one it is tuned for.

    Raises InputError where these are not in order, or no sizes.
    """

    min: Size
    opt: Size
    max: Size

    def __post_init__(self) -> None:
        for index, axis in enumerate(("batch", "length")):
            sizes = [size[index] for size in (self.min, self.opt, self.max)]
            if any(type(size) is not int or size < 1 for size in sizes):
                raise InputError(f"A profile's {axis} sizes are {sizes}; they must be whole numbers from 1.")
            if sizes != sorted(sizes):
                raise InputError(
                    f"A profile's {axis} goes {'..'.join(map(str, sizes))}; "
                    "the smallest must come first and the largest last."
                )
        if self.max[0] > MAX_BATCH:
            raise InputError(f"A profile's batch goes to {self.max[0]}; at most {MAX_BATCH} can be served.")

    def __str__(self) -> str:
        """As `parse_profile` reads it."""
        return "x".join(_written(*sizes) for sizes in zip(self.min, self.opt, self.max, strict=True))

    def holds(self, size: Size) -> bool:
        """Whether it takes a batch of this size."""
        return all(low <= each <= high for low, each, high in zip(self.min, size, self.max, strict=True))


def parse_profile(text: str) -> Profile:
    """Read `1..8..32x16..384..512`: smallest, optimum and largest batch, then the same of lengths.

    Without an optimum the largest is the optimum, as that is where time is lost; a single number is all three.
    Raises InputError.
    """
    match = _PROFILE.fullmatch(text)
    if match is None:
        raise InputError(f"The profile is {text!r}; expected {GRAMMAR}.")
    numbers = [None if group is None else int(group) for group in match.groups()]
    batch, length = (_range(numbers[:3]), _range(numbers[3:]))
    try:
        return Profile(*zip(batch, length, strict=True))
    except InputError as error:
        raise InputError(f"The profile {text} cannot be: {error}") from None


def parse_profiles(text: str) -> tuple[Profile, ...]:
    """Read one profile or several, with commas and no blanks between them; raises InputError."""
    return tuple(parse_profile(part) for part in text.split(","))


def default_profiles(encoder: Encoder) -> tuple[Profile, ...]:
    """One for the latency of a single sequence, one for the throughput of up to 32, at any length.

    Tuned for 384 tokens, the length of a question with its context, and for a batch of 16.
    """
    longest = encoder.max_length
    usual = min(384, longest)
    return Profile((1, 1), (1, usual), (1, longest)), Profile((2, 1), (16, usual), (32, longest))


def check_profiles(profiles: Sequence[Profile], encoder: Encoder) -> None:
    """Raise InputError unless there are profiles, each once, within the lengths that the encoder serves."""
    if not profiles:
        raise InputError(f"No profile is given; give at least one: {GRAMMAR}.")
    for index, profile in enumerate(profiles):
        if profile in profiles[:index]:
            raise InputError(f"The profile {profile} is given twice; give it once.")
        if profile.max[1] > encoder.max_length:
            raise InputError(
                f"The profile {profile} goes to {profile.max[1]} tokens; "
                f"the model serves at most {encoder.max_length}."
            )


def choose_profile(profiles: Sequence[Profile], size: Size) -> int:
    """Index of the profile that serves `size` with the least waste: the one tuned for the most similar size.

    How far two sizes are apart is the factor between their batches times the factor between their lengths;
    of equals the one that reserves the least counts, then the first. Raises InputError where none takes it.
    """
    holding = [index for index, profile in enumerate(profiles) if profile.holds(size)]
    if not holding:
        served = ", ".join(map(str, profiles))
        raise InputError(
            f"A batch of {size[0]} x {size[1]} tokens came; the engine serves {served} (batch x length). "
            "Build it with a profile for this size."
        )
    return min(
        holding, key=lambda index: (_distance(profiles[index].opt, size), math.prod(profiles[index].max))
    )


def _distance(first: Size, second: Size) -> float:
    """0 for equal sizes."""
    return sum(abs(math.log(one / other)) for one, other in zip(first, second, strict=True))


def _range(numbers: Sequence[int | None]) -> tuple[int, int, int]:
    first, *rest = (number for number in numbers if number is not None)
    last = rest[-1] if rest else first
    return first, rest[0] if len(rest) == 2 else last, last


def _written(low: int, best: int, high: int) -> str:
    if low == high:
        return str(low)
    return f"{low}..{high}" if best == high else f"{low}..{best}..{high}"
