"""From logits to long and short answers, as Google's bert_joint decodes them."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.natural_questions.answers import NqAnswer
from prune.tasks.question_answering.natural_questions.passages import Passage
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction
from prune.tasks.question_answering.spans import best_span, finite_logits
from prune.tasks.question_answering.windows import NULL_POSITION, Window


def decode(
    passages: Sequence[Passage],
    read: Iterable[tuple[Window, NDArray[np.floating], NDArray[np.floating]]],
    *,
    max_answer_length: int = 30,
) -> list[NqPrediction]:
    """One prediction a passage, from windows with their start and end logits, [length] or longer each.

    They may come one by one, those of one passage in its order.

    A span of at most `max_answer_length` tokens scores its start and end logit less those of its window's
    CLS token; of equals the first window's wins. The best is the short answer, the first top-level candidate
    that holds it the long answer, and both have its score. Yes and no are never predicted. Raises InputError
    where a logit is not finite.
    """
    best_score = np.full(len(passages), -np.inf)
    best = [NqAnswer()] * len(passages)
    for window, raw_start, raw_end in read:
        passage = passages[window.question]
        start, end = (finite_logits(raw, window, passage.question) for raw in (raw_start, raw_end))
        first, last, score = best_span(start, end, window.offsets[:, 0] >= 0, max_answer_length)
        score -= start[NULL_POSITION] + end[NULL_POSITION]
        if score > best_score[window.question]:
            best_score[window.question] = score
            span = passage.span(int(window.offsets[first, 0]), int(window.offsets[last, 1]))
            best[window.question] = NqAnswer(passage.long_answer(span), (span,))
    return [
        NqPrediction(passage.gold.id, answer, score, score)
        for passage, answer, score in zip(
            passages, best, np.where(np.isfinite(best_score), best_score, 0.0).tolist(), strict=True
        )
    ]
