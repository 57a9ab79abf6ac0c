"""From logits to answers: the best span of each question, and how much likelier no answer is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.windows import NULL_POSITION, Window
from trellis.errors import InputError

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


def best_spans(
    questions: Sequence[Question],
    read: Iterable[tuple[Window, NDArray[np.floating], NDArray[np.floating]]],
    *,
    max_answer_length: int = 30,
) -> list[Prediction]:
    """Decode windows with their start and end logits, [length] or longer each, to one answer a question.

    They may come one by one, those of one question in the order of its context.

    A span scores start logit plus end logit; all spans of at most `max_answer_length` context tokens are
    considered, and of equals the first window's, then the earliest, then the shortest wins. "No answer"
    scores the logits of the CLS token, in the window where that is least. Raises InputError where a logit
    is not finite.
    """
    best_score = np.full(len(questions), -np.inf)
    null_score = np.full(len(questions), np.inf)
    best_text = [""] * len(questions)
    best_start = [-1] * len(questions)
    for window, raw_start, raw_end in read:
        question = questions[window.question]
        start, end = (finite_logits(raw, window, question) for raw in (raw_start, raw_end))
        null_score[window.question] = min(
            null_score[window.question], start[NULL_POSITION] + end[NULL_POSITION]
        )
        first, last, score = best_span(start, end, window.offsets[:, 0] >= 0, max_answer_length)
        if score > best_score[window.question]:
            best_score[window.question] = score
            best_start[window.question] = begin = int(window.offsets[first, 0])
            best_text[window.question] = question.context[begin : window.offsets[last, 1]]
    return [
        Prediction(question.id, text, float(odds), start)
        for question, text, odds, start in zip(
            questions, best_text, null_score - best_score, best_start, strict=True
        )
    ]


def finite_logits(logits: NDArray[np.floating], window: Window, question: Question) -> NDArray[np.float64]:
    """The logits of the tokens of `window`, [length]; raises InputError where one is not finite."""
    values = np.asarray(logits[: len(window.input_ids)], np.float64)
    if not (np.abs(values) <= _LARGEST).all():
        raise InputError(f"The model gave logits that are not finite numbers for question {question.id!r}.")
    return values


def best_span(
    start: NDArray[np.float64], end: NDArray[np.float64], in_context: NDArray[np.bool_], longest: int
) -> tuple[int, int, float]:
    """(first token, last token, score) of the best span of at most `longest` tokens; arrays are [length].

    Of equals the earliest, then the shortest wins. The score is -inf where no token is in context.
    """
    scores = span_scores(start, end, in_context, longest)
    first, extent = divmod(int(scores.argmax()), scores.shape[1])
    return first, first + extent, float(scores[first, extent])


def span_scores(
    start: NDArray[np.float64], end: NDArray[np.float64], in_context: NDArray[np.bool_], longest: int
) -> NDArray[np.float64]:
    """[length, longest or length]: at [i, k] the score of the span from token i to token i + k.

    Arrays are [length]; the score is -inf where the span does not begin and end in the context.
    """
    longest = min(longest, len(start))
    allowed_end = np.where(in_context, end, -np.inf)
    padded = np.concatenate([allowed_end, np.full(longest - 1, -np.inf)])
    ends = np.lib.stride_tricks.sliding_window_view(padded, longest)
    scores: NDArray[np.float64] = np.where(in_context, start, -np.inf)[:, None] + ends
    return scores
