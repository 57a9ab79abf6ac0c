"""A model's answers as labels: see `prune.tasks.own_answers`."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from prune.search import agreement as by_text
from prune.search.agreement import Agreement
from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.builtin import halves as halves
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.reader import AnyTokenizer
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.spans import Prediction

NEARLY_CONSTANT = 0.9
"""Share of one and the same answer at which a model's answers say nothing about what it needs."""


def labelled(
    items: Sequence[Question],
    run: Run,
    tokenizer: AnyTokenizer,
    settings: DecodingSettings,
    progress: Callable[[int, int], None] | None = None,
) -> list[Question]:
    """The same questions with what the engine answers as their only answer, or with none where it refuses.

    `progress` gets (windows done, windows in all).
    """
    predictions = answer(items, tokenizer, run, settings=settings, progress=progress)
    return [
        replace(question, answers=_as_label(prediction, settings.null_threshold))
        for question, prediction in zip(items, predictions, strict=True)
    ]


def agreement(reference: Sequence[Question], answered: Sequence[Question]) -> Agreement:
    """Mean token F1 of the answers; refusing a question agrees with refusing it."""
    texts = ([_text(question) for question in questions] for questions in (reference, answered))
    return by_text.agreement(reference, *texts)


def nearly_constant(labelled: Sequence[Question]) -> str | None:
    """Why these answers cannot guide a cut, if they cannot."""
    text, count = Counter(map(_text, labelled)).most_common(1)[0]
    if count < NEARLY_CONSTANT * len(labelled):
        return None
    same = f"the answer {text!r}" if text else "no answer"
    return (
        f"the model gives {same} to {count} of {len(labelled)} questions, which says nothing of what it needs"
    )


def _text(question: Question) -> str:
    """Its first answer, '' where it has none."""
    return question.answers[0].text if question.answers else ""


def _as_label(prediction: Prediction, null_threshold: float) -> tuple[Answer, ...]:
    text = prediction.answer(null_threshold)
    return (Answer(text, prediction.best_start),) if text else ()
