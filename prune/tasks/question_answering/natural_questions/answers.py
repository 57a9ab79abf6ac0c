"""Answers to a question of Natural Questions, an annotator's or a model's, and their official JSON form."""

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from prune.tasks.question_answering.natural_questions.fields import checked, entries, example_id, field
from trellis.errors import InputError

YesNo = Literal["NONE", "YES", "NO"]


@dataclass(frozen=True)
class Span:
    """Tokens [start, end) of a document, html among them; in the original form also bytes of its html.

    -1 stands for what is not given.
    """

    start: int
    end: int
    start_byte: int = -1
    end_byte: int = -1

    def same(self, other: "Span") -> bool:
        """Whether either the bytes or the tokens, where both spans give them, are equal."""
        bytes_given = self.start_byte >= 0 and other.start_byte >= 0
        tokens_given = self.start >= 0 and other.start >= 0
        return (bytes_given and (self.start_byte, self.end_byte) == (other.start_byte, other.end_byte)) or (
            tokens_given and (self.start, self.end) == (other.start, other.end)
        )


@dataclass(frozen=True)
class NqAnswer:
    """A long answer, short answers within it, and whether the answer is yes or no; any may be absent."""

    long: Span | None = None
    short: tuple[Span, ...] = ()
    yes_no: YesNo = "NONE"

    @property
    def has_short(self) -> bool:
        """Whether there are short answers or a yes or no, which counts as one."""
        return bool(self.short) or self.yes_no != "NONE"


@dataclass(frozen=True)
class Gold:
    """What the annotators said of one question: what is left of a document once it has been read."""

    id: str
    annotations: tuple[NqAnswer, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, in the official form."""
        return {"example_id": self.id, "annotations": [answer_to_json(one) for one in self.annotations]}

    @classmethod
    def from_json(cls, entry: Any, place: str) -> "Gold":
        """Inverse of `to_json`; raises InputError, naming `place`, where `entry` is no such thing."""
        entry = checked(entry, dict, place)
        annotations = [answer_from_json(one, there) for there, one in entries(entry, "annotations", place)]
        return cls(example_id(entry, place), tuple(annotations))


def answer_to_json(answer: NqAnswer) -> dict[str, Any]:
    """Plain values; no long answer is a span of -1."""
    return {
        "long_answer": _span_to_json(answer.long or Span(-1, -1)),
        "short_answers": [_span_to_json(span) for span in answer.short],
        "yes_no_answer": answer.yes_no,
    }


def answer_from_json(entry: dict[str, Any], place: str) -> NqAnswer:
    """What `entry` says; absent fields and spans of -1 are no answer. Raises InputError for wrong ones."""
    long = entry.get("long_answer", {"start_token": -1, "end_token": -1})
    there = f"{place}: 'long_answer'"
    spans = entries(entry, "short_answers", place) if "short_answers" in entry else ()
    yes_no = checked(entry.get("yes_no_answer", "NONE"), str, f"{place}: 'yes_no_answer'").upper()
    if yes_no not in get_args(YesNo):
        raise InputError(f"{place}: 'yes_no_answer' is {yes_no[:20]!r}; expected YES, NO or NONE.")
    return NqAnswer(
        _span_from_json(checked(long, dict, there), there),
        tuple(span for at, one in spans if (span := _span_from_json(one, at))),
        cast(YesNo, yes_no),
    )


def _span_to_json(span: Span) -> dict[str, int]:
    return {
        "start_byte": span.start_byte,
        "end_byte": span.end_byte,
        "start_token": span.start,
        "end_token": span.end,
    }


def _span_from_json(entry: dict[str, Any], place: str) -> Span | None:
    tokens = _bounds(entry, "token", place)
    has_bytes = "start_byte" in entry or "end_byte" in entry
    span = Span(*tokens, *(_bounds(entry, "byte", place) if has_bytes else ()))
    return None if span == Span(-1, -1) else span


def _bounds(entry: dict[str, Any], unit: str, place: str) -> tuple[int, int]:
    start, end = (field(entry, f"{side}_{unit}", int, place) for side in ("start", "end"))
    if start < 0 and end < 0:
        return -1, -1
    if not 0 <= start < end:
        raise InputError(
            f"{place} begins at {unit} {start} and ends before {unit} {end}; "
            "expected an end after its start, or -1 for both."
        )
    return start, end
