"""Questions as JSON lines: from a file in large pieces, from a pipe as many as have arrived."""

import json
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any, BinaryIO

from answer.answerer import CHUNK_CHARACTERS, CHUNK_QUESTIONS, check_texts, is_unicode
from answer.chunks import chunks
from prune.tasks.question_answering.questions import Question
from trellis.errors import InputError

Id = str | int | float | bool

LONGEST_LINE = 1 << 27
"""Bytes of one line."""

_FORM = '{"question": "...", "context": "..."}, with an "id" if wanted'


@dataclass(frozen=True)
class Asked:
    """One line. `id` is as it came, to be given back; None where it has none."""

    question: Question
    id: Id | None
    line: int
    """Its number in the source, blank lines counted; the first is 1."""
    size: int
    """Bytes of the line."""


@dataclass(frozen=True)
class Unusable:
    """A line that asks nothing that can be answered."""

    id: Id | None
    """None also where it is not known."""
    line: int
    """As of Asked."""
    error: str
    """What came, and what was expected."""
    size: int
    """As of Asked."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        name = {} if self.id is None else {"id": self.id}
        return name | {"line": self.line, "error": self.error}


def read_asked(source: BinaryIO, *, waits: bool) -> Iterator[list[Asked | Unusable]]:
    """The lines of `source`, some at a time, none of the lists empty; blank lines are passed over.

    Where it `waits` for whoever writes, as a pipe or a terminal does, a list ends where no further line is
    there yet, so that a program that sends one question and waits for its answer gets it.
    """
    lines = _whole_lines(source)
    pieces: Iterable[Iterable[bytes]] = _arrivals(lines) if waits else [lines]
    number = 0

    def parsed(lines: Iterable[bytes]) -> Iterator[Asked | Unusable]:
        nonlocal number
        for line in lines:
            number += 1
            if line.strip():
                yield _asked(line, number)

    for piece in pieces:
        yield from chunks(
            parsed(piece), lambda asked: asked.size, most=CHUNK_QUESTIONS, most_size=CHUNK_CHARACTERS
        )


def _whole_lines(source: BinaryIO) -> Iterator[bytes]:
    """Lines; of one that is longer than LONGEST_LINE the first byte too many is the last one."""
    while line := source.readline(LONGEST_LINE + 1):
        yield line
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            line = source.readline(LONGEST_LINE + 1)


def _arrivals(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lists of the lines that have arrived, CHUNK_QUESTIONS at most; waits only for the first of each."""
    arrived: Queue[bytes | Exception | None] = Queue(CHUNK_QUESTIONS)

    def read() -> None:
        try:
            for line in lines:
                arrived.put(line)
            arrived.put(None)
        except Exception as error:  # to be raised where somebody hears it
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()  # may wait for ever, and must not be waited for
    while True:
        here: list[bytes] = []
        last: bytes | Exception | None = arrived.get()
        while isinstance(last, bytes):
            here.append(last)
            if len(here) == CHUNK_QUESTIONS:
                break
            try:
                last = arrived.get_nowait()
            except Empty:
                break
        if here:
            yield here
        if isinstance(last, Exception):
            raise last
        if last is None:
            return


def _asked(line: bytes, number: int) -> Asked | Unusable:
    name: Id | None = None
    try:
        value = _object(line)
        name = _id(value)
        for key in ("question", "context"):
            if not isinstance(value.get(key), str):
                came = f"a {type(value[key]).__name__}" if key in value else "missing"
                raise InputError(f"The {key} is {came}; expected {_FORM}.")
        question = Question(f"line {number}", value["question"], value["context"])
        check_texts(question)
    except InputError as error:
        return Unusable(name, number, str(error), len(line))
    return Asked(question, name, number, len(line))


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise InputError(f"The line is longer than {LONGEST_LINE >> 20} MiB; give one question to a line.")
    try:
        value: Any = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"The line is not UTF-8 text ({error.reason} at byte {error.start}); expected {_FORM}."
        ) from None
    except RecursionError:
        raise InputError(f"The line is nested too deeply; expected {_FORM}.") from None
    except ValueError as error:
        raise InputError(f"The line is not valid JSON ({error}); expected {_FORM}.") from None
    if not isinstance(value, dict):
        raise InputError(f"The line holds a {type(value).__name__}; expected {_FORM}.")
    return value


def _id(value: dict[str, Any]) -> Id | None:
    name = value.get("id")
    if name is None:
        return None
    if not isinstance(name, str | int | float):
        raise InputError(f"The id is a {type(name).__name__}; expected text or a number.")
    if isinstance(name, str) and not is_unicode(name):
        raise InputError("The id holds half a surrogate pair, which is no Unicode text.")
    if isinstance(name, float) and not math.isfinite(name):
        raise InputError(f"The id is {name}, which is no number; expected text or a number.")
    return name
