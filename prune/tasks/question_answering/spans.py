"""From logits to answers: the spans of each question's windows, and "no answer" beside them.

`decode` goes through them once for whatever is wanted of them; `best_spans` wants the best alone.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.windows import NULL_POSITION, Window
from trellis.errors import InputError

Floats = NDArray[np.float64]
Read = tuple[Window, NDArray[np.floating], NDArray[np.floating]]
"""A window that an engine has read, with its start and end logits, [length] or longer each."""

Result = TypeVar("Result")
_Result = TypeVar("_Result", covariant=True)

_LARGEST = float(np.finfo(np.float32).max)
"""Of a logit: sums of two are then finite as well."""


@dataclass(frozen=True)
class Prediction:
    """What a model answers to one question, before anybody decides whether to refuse."""

    id: str
    best_text: str
    """The best span, as it stands in the context; '' where no window has a token of context."""
    null_odds: float
    """Score of "no answer" less the best span's, in logits; infinite where there is no span."""
    best_start: int = -1
    """Character of the context at which the best span starts; -1 where there is none."""

    def answer(self, null_threshold: float) -> str:
        """The answer, or '' where the null odds exceed the threshold: the question is refused."""
        return "" if self.null_odds > null_threshold else self.best_text


class Findings(Protocol[_Result]):
    """What is known of one question while its windows come."""

    def add(self, window: Window, spans: Floats, null_score: float) -> None:
        """Take in the next window: its `span_scores`, and what "no answer" scores in it."""

    def result(self, question: Question) -> _Result:
        """What comes of it, once no window follows."""


def decode(
    questions: Sequence[Question],
    read: Iterable[Read],
    begin: Callable[[], Findings[Result]],
    *,
    max_answer_length: int = 30,
) -> list[Result]:
    """Decode windows with their logits to one result a question, in the order of the questions.

    The windows may come one by one, those of one question in the order of its context; what `begin` makes is given
    them, and let go with the last one. A span scores start logit plus end logit; all spans of at most
    `max_answer_length` context tokens are considered. "No answer" scores the logits of the CLS token. Raises
    InputError where a logit is not finite.
    """
    results: dict[int, Result] = {}
    begun: dict[int, Findings[Result]] = {}
    for window, raw_start, raw_end in read:
        index, question = window.question, questions[window.question]
        start, end = (_finite_logits(raw, window, question) for raw in (raw_start, raw_end))
        if index not in begun:
            begun[index] = begin()
        spans = span_scores(start, end, window.offsets[:, 0] >= 0, max_answer_length)
        begun[index].add(window, spans, float(start[NULL_POSITION] + end[NULL_POSITION]))
        if window.is_last:
            results[index] = begun.pop(index).result(question)
    for index in range(len(questions)):
        if index not in results:
            results[index] = (begun.pop(index, None) or begin()).result(questions[index])
    return [results[index] for index in range(len(questions))]


def best_spans(
    questions: Sequence[Question], read: Iterable[Read], *, max_answer_length: int = 30
) -> list[Prediction]:
    """The best span of each question, see `decode`.

    Of equals the first window's, then the earliest, then the shortest wins. "No answer" counts with the window where
    it scores least.
    """
    return decode(questions, read, _Best, max_answer_length=max_answer_length)


class BestSpan:
    """The best span of the windows so far. Of equals the first window's, then the earliest, then the shortest is it."""

    def __init__(self) -> None:
        self.score = -math.inf
        self.begin = self.end = -1
        """Characters of the context, the last one exclusive; -1 while there is no span."""

    def consider(self, window: Window, spans: Floats, *, less: float = 0.0) -> None:
        """Take in the spans of the next window, whose scores count with so much `less`."""
        first, extent = divmod(int(spans.argmax()), spans.shape[1])
        score = float(spans[first, extent]) - less
        if score > self.score:
            self.score = score
            self.begin, self.end = int(window.offsets[first, 0]), int(window.offsets[first + extent, 1])


class _Best:
    def __init__(self) -> None:
        self._span, self._null_score = BestSpan(), math.inf

    def add(self, window: Window, spans: Floats, null_score: float) -> None:
        self._null_score = min(self._null_score, null_score)
        self._span.consider(window, spans)

    def result(self, question: Question) -> Prediction:
        best = self._span
        text = question.context[best.begin : best.end]
        return Prediction(question.id, text, self._null_score - best.score, best.begin)


def _finite_logits(logits: NDArray[np.floating], window: Window, question: Question) -> Floats:
    """The logits of the tokens of `window`, [length]; raises InputError where one is not finite."""
    values = np.asarray(logits[: len(window.input_ids)], np.float64)
    if not (np.abs(values) <= _LARGEST).all():
        raise InputError(f"The model gave logits that are not finite numbers for question {question.id!r}.")
    return values


def span_scores(start: Floats, end: Floats, in_context: NDArray[np.bool_], longest: int) -> Floats:
    """[length, longest or length]: at [i, k] the score of the span from token i to token i + k.

    Arrays are [length]; the score is -inf where the span does not begin and end in the context.
    """
    longest = min(longest, len(start))
    allowed_end = np.where(in_context, end, -np.inf)
    padded = np.concatenate([allowed_end, np.full(longest - 1, -np.inf)])
    ends = np.lib.stride_tricks.sliding_window_view(padded, longest)
    scores: Floats = np.where(in_context, start, -np.inf)[:, None] + ends
    return scores
