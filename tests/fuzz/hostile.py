"""What is done to inputs, by seed: values of every wrong kind, JSON changed somewhere, bytes changed anywhere."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

LONG = "a" * 20_000
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 2**31 - 1, 2**31, 2**63, -(2**63), 10**15, 10**400, -(10**400)),
    *(0.0, -0.5, 0.5, 1e-320, 1e300, -1e300, float("inf"), float("nan")),
    *(
        "",
        "x",
        "0",
        "true",
        "\x1b[31mred",
        "\x9b31m",
        "a\nb",
        "a\0b",
        "\u202eevil",
        "é",
        "\ud800",
        "../..",
        LONG,
    ),
    *([], {}, [None], [[]], {"x": None}, {"": {}}, [1, "x"], {"0": "a", "1": "b"}, ["a"] * 300),
)
"""For any field of any file."""

TEXTS = (
    *(
        "",
        " ",
        "0",
        "-0",
        "1",
        "-1",
        "+1",
        "1e300",
        "-1e300",
        "1e-320",
        "1e400",
        "nan",
        "inf",
        "-inf",
        "NaN%",
        "5%",
    ),
    *(
        "0x10",
        "1_000",
        "1,2",
        ",",
        "²",
        "٣",
        "9" * 400,
        str(2**31),
        str(2**63),
        "1.5",
        "true",
        "None",
        "null",
    ),
    *(
        "\x1b[31mred",
        "a\nb",
        "../..",
        "/",
        "/dev/null",
        "-",
        "--",
        "~",
        "~nobody",
        "é",
        "\udcff",
        "%s",
        "{}",
        "a" * 5000,
    ),
)
"""For any value on the command line."""


def changed(value: Any, rng: random.Random) -> Any:
    """A copy of JSON's `value` with one to three changes in places drawn at random."""
    made = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(made))
        if not places:
            return rng.choice(VALUES)
        holder, key = rng.choice(places)
        match rng.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[rng.choice(("x", "", "\x1b[31m", LONG))] = holder.pop(key)
            case 1 | 2 if isinstance(holder, list):
                holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
            case 3:
                holder[key] = [holder[key]] if rng.random() < 0.5 else {"x": holder[key]}
            case _:
                holder[key] = copy.deepcopy(rng.choice(VALUES))
    return made


def _places(value: Any, most: int = 4000) -> Iterator[tuple[Any, Any]]:
    """(object or list, key in it) of everything in `value`."""
    waiting = [value]
    while waiting and most:
        holder = waiting.pop()
        keys = (
            list(holder)
            if isinstance(holder, dict)
            else range(len(holder))
            if isinstance(holder, list)
            else ()
        )
        for key in keys:
            most -= 1
            yield holder, key
            waiting.append(holder[key])
            if not most:
                return


def written(value: Any, rng: random.Random) -> bytes:
    """JSON of `value`, now and then in bytes that are none."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")
    return damaged(text, rng) if rng.random() < 0.15 else text


def damaged(content: bytes, rng: random.Random) -> bytes:
    """`content` cut off, with bytes changed, put in or left out, or something else altogether."""
    place = rng.randrange(len(content) + 1)
    match rng.randrange(7):
        case 0:
            return content[:place]
        case 1:
            return (
                content[:place]
                + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
                + content[place:]
            )
        case 2:
            return content[:place] + content[place + rng.randrange(1, 64) :]
        case 3:
            return rng.choice(
                (b"", b"\0", b"[]", b"null", b"\xff\xfe{\0}\0", b"[" * 100_000, b"\xef\xbb\xbf" + content)
            )
        case _:
            made = bytearray(content or b"x")
            for _ in range(rng.choice((1, 1, 4, 40))):
                made[rng.randrange(len(made))] = rng.randrange(256)
            return bytes(made)
