"""From logits to answers: the best spans of each question and what each is worth, beside "no answer"."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from answer.answers import Answer, Span
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.spans import Floats, Read
from prune.tasks.question_answering.spans import decode as decode_spans
from prune.tasks.question_answering.windows import Window

Ints = NDArray[np.int64]


def decode(
    questions: Sequence[Question],
    read: Iterable[Read],
    *,
    max_answer_length: int,
    null_threshold: float,
    top_k: int = 1,
) -> list[Answer]:
    """Answer each question from its windows with their logits, see `prune.tasks.question_answering.spans.decode`.

    Of each question are kept its `top_k` best spans, and those that the next window may hold as well. Of equals the
    first window's, then the earliest, then the shortest is the better. Spans of different windows or tokens that
    stand for the same characters are one, with its best score. Raises InputError where a logit is not finite.
    """
    begin = partial(_Ranked, top_k, null_threshold)
    return decode_spans(questions, read, begin, max_answer_length=max_answer_length)


@dataclass(frozen=True, eq=False)
class _Spans:
    """Arrays of [spans]."""

    scores: Floats
    begins: Ints
    """The first character of each."""
    ends: Ints
    """The character after the last one."""
    places: Ints
    """How many came before it."""

    def __getitem__(self, chosen: NDArray[np.bool_] | Ints | slice) -> "_Spans":
        return _Spans(self.scores[chosen], self.begins[chosen], self.ends[chosen], self.places[chosen])

    def __add__(self, others: "_Spans") -> "_Spans":
        return _Spans(
            np.concatenate((self.scores, others.scores)),
            np.concatenate((self.begins, others.begins)),
            np.concatenate((self.ends, others.ends)),
            np.concatenate((self.places, others.places)),
        )

    def best_first(self) -> "_Spans":
        """Of equals the one that came first."""
        return self[np.lexsort((self.places, -self.scores))]

    def once(self) -> "_Spans":
        """Best first, and only the best of those that stand for the same characters."""
        ordered = self.best_first()
        characters = ordered.begins * (ordered.ends.max(initial=0) + 1) + ordered.ends
        return ordered[np.sort(np.unique(characters, return_index=True)[1])]


_BEYOND = np.iinfo(np.int32).max
_NONE = _Spans(np.empty(0), *(np.empty(0, np.int64) for _ in range(3)))


class _Ranked:
    def __init__(self, top_k: int, null_threshold: float) -> None:
        self._top_k, self._null_threshold = top_k, null_threshold
        self._count = 0
        """Spans that came."""
        self._null_score = math.inf
        """Of "no answer"."""
        self._best = _NONE
        """Best first, none of them open."""
        self._open = _NONE
        """Spans that a later window may hold as well."""
        self._everything = -math.inf
        """Log of the sum of exp(score), of all spans that are not open."""

    def add(self, window: Window, spans: Floats, null_score: float) -> None:
        """Take in its spans from the first token on, of those that start alike the shortest first."""
        self._null_score = min(self._null_score, null_score)
        inside = window.offsets[:, 0] >= 0
        self._close(self._open.begins < window.offsets[inside, 0].min(initial=_BEYOND))
        first, extent = np.nonzero(spans > -np.inf)
        offsets = window.offsets.astype(np.int64)
        places = np.arange(self._count, self._count + len(first))
        self._open += _Spans(spans[first, extent], offsets[first, 0], offsets[first + extent, 1], places)
        self._count += len(first)

    def result(self, question: Question) -> Answer:
        """What to say."""
        self._close(np.full(len(self._open.scores), True))
        everything = np.logaddexp(self._everything, self._null_score)
        best = self._best
        spans = tuple(
            Span(question.context[begin:end], begin, end, score, math.exp(score - everything))
            for score, begin, end in zip(
                best.scores.tolist(), best.begins.tolist(), best.ends.tolist(), strict=True
            )
        )
        null_odds = self._null_score - (spans[0].score if spans else -math.inf)
        return Answer(
            id=question.id,
            spans=spans,
            null_odds=null_odds,
            null_probability=math.exp(self._null_score - everything),
            refused=null_odds > self._null_threshold,
        )

    def _close(self, chosen: NDArray[np.bool_]) -> None:
        closed = self._open[chosen].once()
        self._open = self._open[~chosen]
        self._everything = np.logaddexp(self._everything, np.logaddexp.reduce(closed.scores))
        self._best = (self._best + closed[: self._top_k]).best_first()[: self._top_k]
