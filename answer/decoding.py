"""From logits to answers: the best spans of each question and what each is worth, beside "no answer".

The best one is that of prune.qa.spans.best_spans, to the tie; this adds what follows it, and shares.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from answer.answers import Answer, Span
from prune.qa.questions import Question
from prune.qa.spans import finite_logits, span_scores
from prune.qa.windows import NULL_POSITION, Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def decode(
    questions: Sequence[Question],
    windows: Sequence[Window],
    start_logits: Sequence[NDArray[np.floating]],
    end_logits: Sequence[NDArray[np.floating]],
    *,
    max_answer_length: int,
    null_threshold: float,
    top_k: int = 1,
) -> list[Answer]:
    """Answer each question from the logits of its windows, one array of [length] or longer per window.

    Spans of different windows or tokens that stand for the same characters are one, with its best score.
    Raises InputError where a logit is not finite.
    """
    of_question: list[list[int]] = [[] for _ in questions]
    for place, window in enumerate(windows):
        of_question[window.question].append(place)
    return [
        _answer(
            question,
            [
                _scored(question, windows[place], start_logits[place], end_logits[place], max_answer_length)
                for place in places
            ],
            null_threshold,
            top_k,
        )
        for question, places in zip(questions, of_question, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Scored:
    """The spans of a window, the earliest first, and of those that start alike the shortest."""

    scores: Floats
    """[spans]"""
    begins: Ints
    """[spans]: the first character of each."""
    ends: Ints
    """[spans]: the character after the last one."""
    null_score: float
    """Of "no answer"."""


def _scored(
    question: Question,
    window: Window,
    start_logits: NDArray[np.floating],
    end_logits: NDArray[np.floating],
    max_answer_length: int,
) -> _Scored:
    start, end = (finite_logits(each, window, question) for each in (start_logits, end_logits))
    scores = span_scores(start, end, window.offsets[:, 0] >= 0, max_answer_length)
    first, extent = np.nonzero(scores > -np.inf)
    offsets = window.offsets.astype(np.int64)
    return _Scored(
        scores[first, extent],
        offsets[first, 0],
        offsets[first + extent, 1],
        float(start[NULL_POSITION] + end[NULL_POSITION]),
    )


def _answer(question: Question, scored: Sequence[_Scored], null_threshold: float, top_k: int) -> Answer:
    scores, begins, ends = _ranked(scored)
    null_score = min(each.null_score for each in scored)
    everything = np.logaddexp.reduce(np.append(scores, null_score))
    spans = tuple(
        Span(question.context[begin:end], begin, end, score, math.exp(score - everything))
        for score, begin, end in zip(*(each[:top_k].tolist() for each in (scores, begins, ends)), strict=True)
    )
    null_odds = null_score - (spans[0].score if spans else -math.inf)
    return Answer(
        id=question.id,
        spans=spans,
        null_odds=null_odds,
        null_probability=math.exp(null_score - everything),
        refused=null_odds > null_threshold,
    )


def _ranked(scored: Sequence[_Scored]) -> tuple[Floats, Ints, Ints]:
    """The spans of all windows, best first, and only once for the same characters."""
    scores = np.concatenate([each.scores for each in scored])
    begins = np.concatenate([each.begins for each in scored])
    ends = np.concatenate([each.ends for each in scored])
    order = np.argsort(-scores, kind="stable")
    # of those that stand for the same characters, the place of the first in that order, which is the best
    places = begins[order] * (ends.max(initial=0) + 1) + ends[order]
    order = order[np.sort(np.unique(places, return_index=True)[1])]
    return scores[order], begins[order], ends[order]
