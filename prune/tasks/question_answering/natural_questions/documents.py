"""Natural Questions in, in both forms that Google publishes: the original, and the simplified.

The original lists its tokens; the simplified is one text of tokens parted by single spaces, html tags among
them. Every line is untrusted, and checked before it is believed.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.answer import Progress
from prune.tasks.question_answering.natural_questions.answers import Gold, NqAnswer, Span
from prune.tasks.question_answering.natural_questions.fields import checked, entries, field, unicode_text
from prune.tasks.question_answering.natural_questions.shards import read_lines
from trellis.errors import InputError, Parameter

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


@dataclass(frozen=True)
class Candidate:
    """Tokens [start, end) that may be a long answer: a paragraph, a table, a list, or a part of one."""

    start: int
    end: int
    top_level: bool
    """Whether it lies in no other candidate."""


@dataclass(frozen=True, eq=False)
class Document:
    """One question and the page that may answer it."""

    id: str
    question: str
    tokens: tuple[str, ...]
    is_html: NDArray[np.bool_]
    """[tokens]: tags, which a model does not read."""
    candidates: tuple[Candidate, ...]
    annotations: tuple[NqAnswer, ...]
    """One in training sets, five in development sets, none where they are kept secret."""


def read_documents(source: str, progress: Progress | None = None) -> Iterator[Document]:
    """Yield the documents of `source`, see `shards`, one at a time, in the order of the files' names.

    `progress` is called with (bytes read, bytes in all). Raises InputError, naming file and line, for what
    cannot be read, is no JSON or in neither form, for spans beyond the document, and where there is none.
    """
    empty = True
    for place, line in read_lines(source, progress):
        empty = False
        try:
            entry = json.loads(line)
        except RecursionError:
            raise InputError(f"{place} is nested too deeply to be a document.") from None
        except ValueError as error:
            raise InputError(f"{place} is not valid JSON: {error}.") from None
        yield _document(checked(entry, dict, place), place)
    if empty:
        raise InputError(f"{source} holds no documents; expected at least one.")


def _document(entry: dict[str, Any], place: str) -> Document:
    if {"data", "paragraphs"} & set(entry) and "example_id" not in entry:
        raise InputError(
            "{} holds SQuAD, not Natural Questions; leave out {}.", place, Parameter("task", "nq")
        )
    tokens, is_html = _tokens(entry, place)
    gold = Gold.from_json({"annotations": []} | entry, place)
    candidates = tuple(
        _candidate(one, len(tokens), there) for there, one in entries(entry, "long_answer_candidates", place)
    )
    for index, annotation in enumerate(gold.annotations):
        for span in (annotation.long, *annotation.short):
            if span:
                _check_within(span, len(tokens), f"{place}: annotations[{index}]")
    return Document(
        gold.id, field(entry, "question_text", str, place), tokens, is_html, candidates, gold.annotations
    )


def _tokens(entry: dict[str, Any], place: str) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    if "document_tokens" in entry:
        listed = field(entry, "document_tokens", list, place)
        for index, token in enumerate(listed):
            if not _is_token(token):
                raise InputError(
                    f"{place}: document_tokens[{index}] is {shortened(token)}; "
                    "expected a 'token' of text and an 'html_token' of true or false."
                )
        tokens = tuple(token["token"] for token in listed)
        unicode_text("".join(tokens), f"{place}: 'document_tokens'")
        return tokens, np.array([token["html_token"] for token in listed], np.bool_)
    if "document_text" in entry:
        tokens = tuple(field(entry, "document_text", str, place).split(" "))
        return tokens, np.array(
            [token[:1] == "<" and bool(_TAG.fullmatch(token)) for token in tokens], np.bool_
        )
    raise InputError(
        f"{place} has neither 'document_tokens', as the original form of Natural Questions, "
        "nor 'document_text', as the simplified one."
    )


def _is_token(token: Any) -> bool:
    return type(token) is dict and type(token.get("token")) is str and type(token.get("html_token")) is bool


def _candidate(entry: dict[str, Any], num_tokens: int, place: str) -> Candidate:
    start, end = (field(entry, name, int, place) for name in ("start_token", "end_token"))
    _check_within(Span(start, end), num_tokens, place)
    return Candidate(start, end, field(entry, "top_level", bool, place))


def _check_within(span: Span, num_tokens: int, place: str) -> None:
    if not 0 <= span.start < span.end <= num_tokens:
        raise InputError(
            f"{place} has tokens {span.start} to {span.end}, but the document has {num_tokens} of them."
        )
