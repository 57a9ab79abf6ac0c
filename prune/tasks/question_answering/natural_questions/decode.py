"""From logits to long and short answers, as Google's bert_joint decodes them."""

from collections.abc import Iterable, Sequence

from prune.tasks.question_answering.natural_questions.answers import NqAnswer
from prune.tasks.question_answering.natural_questions.passages import Passage
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.spans import BestSpan, Floats, Read
from prune.tasks.question_answering.spans import decode as decode_spans
from prune.tasks.question_answering.windows import Window


def decode(
    passages: Sequence[Passage], read: Iterable[Read], *, max_answer_length: int = 30
) -> list[NqPrediction]:
    """One prediction a passage, from windows with their logits, those of one passage in its order.

    A span of at most `max_answer_length` tokens scores its start and end logit less those of its window's
    CLS token; of equals the first window's wins. The best is the short answer, the first top-level candidate
    that holds it the long answer, and both have its score. Yes and no are never predicted. Raises InputError
    where a logit is not finite.
    """
    questions = [passage.question for passage in passages]
    found = decode_spans(questions, read, _OverItsOwnNull, max_answer_length=max_answer_length)
    return [_prediction(*each) for each in zip(passages, found, strict=True)]


class _OverItsOwnNull:
    def __init__(self) -> None:
        self._best = BestSpan()

    def add(self, window: Window, spans: Floats, null_score: float) -> None:
        self._best.consider(window, spans, less=null_score)

    def result(self, question: Question) -> BestSpan:
        return self._best


def _prediction(passage: Passage, best: BestSpan) -> NqPrediction:
    if best.begin < 0:
        return NqPrediction(passage.gold.id, NqAnswer(), 0.0, 0.0)
    span = passage.span(best.begin, best.end)
    return NqPrediction(passage.gold.id, NqAnswer(passage.long_answer(span), (span,)), best.score, best.score)
