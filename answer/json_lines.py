"""Questions as JSON lines: from a file in large pieces, from a pipe as many as have arrived."""

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any, BinaryIO

from answer.answerer import CHUNK_CHARACTERS, CHUNK_QUESTIONS, check_texts, is_unicode
from answer.chunks import chunks
from prune.errors import InputError
from prune.qa.questions import Question

_FORM = '{"question": "...", "context": "..."}, with an "id" if wanted'


@dataclass(frozen=True)
class Asked:
    """One line. `id` is as it came, to be given back; None where it has none."""

    question: Question
    id: str | int | None
    size: int
    """Bytes of the line."""


def read_asked(source: BinaryIO, name: str, *, waits: bool) -> Iterator[list[Asked]]:
    """The questions of `source`, some at a time, none of the lists empty; blank lines are passed over.

    Where it `waits` for whoever writes, as a pipe or a terminal does, a list ends where no further line is
    there yet, so that a program that sends one question and waits for its answer gets it. Raises InputError
    naming the line where one is not in the form, once the questions before it have been handed over.
    """
    pieces: Iterable[Iterable[bytes]] = _arrivals(source) if waits else [source]
    number = 0

    def parsed(lines: Iterable[bytes]) -> Iterator[Asked]:
        nonlocal number
        for line in lines:
            number += 1
            if line.strip():
                yield _asked(line, number, f"{name}, line {number}")

    for lines in pieces:
        yield from chunks(
            parsed(lines), lambda asked: asked.size, most=CHUNK_QUESTIONS, most_size=CHUNK_CHARACTERS
        )


def _arrivals(source: BinaryIO) -> Iterator[list[bytes]]:
    """Lists of the lines that have arrived, CHUNK_QUESTIONS at most; waits only for the first of each."""
    arrived: Queue[bytes | Exception | None] = Queue(CHUNK_QUESTIONS)

    def read() -> None:
        try:
            for line in source:
                arrived.put(line)
            arrived.put(None)
        except Exception as error:  # to be raised where somebody hears it
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()  # may wait for ever, and must not be waited for
    while True:
        lines: list[bytes] = []
        last: bytes | Exception | None = arrived.get()
        while isinstance(last, bytes):
            lines.append(last)
            if len(lines) == CHUNK_QUESTIONS:
                break
            try:
                last = arrived.get_nowait()
            except Empty:
                break
        if lines:
            yield lines
        if isinstance(last, Exception):
            raise last
        if last is None:
            return


def _asked(line: bytes, number: int, place: str) -> Asked:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is not valid JSON ({error}); expected {_FORM}.") from None
    if not isinstance(value, dict):
        raise InputError(f"{place} holds a {type(value).__name__}; expected {_FORM}.")
    for key in ("question", "context"):
        if not isinstance(value.get(key), str):
            came = type(value[key]).__name__ if key in value else "missing"
            raise InputError(f"{place}: the {key} is {came}; expected {_FORM}.")
    name = value.get("id")
    if name is not None and type(name) not in (str, int):
        raise InputError(f"{place}: the id is a {type(name).__name__}; expected text or a whole number.")
    if not is_unicode(str(name)):
        raise InputError(f"{place}: the id holds half a surrogate pair, which is no Unicode text.")
    question = Question(f"line {number}", value["question"], value["context"])
    check_texts(question)
    return Asked(question, name, len(line))
