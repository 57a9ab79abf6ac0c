"""The form in which every part of the project sees a question."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

NO_START = -1
"""Start of an answer whose place in the context is not known."""


@dataclass(frozen=True)
class Answer:
    """One annotated answer: its text, and the character of the context at which it starts, or NO_START."""

    text: str
    start: int


@dataclass(frozen=True)
class Question:
    """A question about one context; no answers means that the context does not answer it."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] = ()
    article: str = field(default="", compare=False, repr=False)
    """What the context is from, where that is known; no part of what makes two questions equal."""


def drawn(questions: Sequence[Question], count: int, seed: int) -> Sequence[Question]:
    """`count` of them at random, all of them where there are no more; 0 is all."""
    return random.Random(seed).sample(questions, count) if 0 < count < len(questions) else questions
