"""How far two models give the same answers: mean token F1 of one's answers against the other's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.squad.metrics import token_f1


@dataclass(frozen=True)
class Agreement:
    """Mean token F1 in percent with a 95 % interval; refusing a question agrees with refusing it."""

    mean: float
    low: float
    high: float
    questions: int


def agreement(
    questions: Sequence[Question], reference: Sequence[str], answers: Sequence[str], *, seed: int = 0
) -> Agreement:
    """Compare two lists of answers, '' for refused, in the order of `questions`.

    The interval resamples paragraphs, not questions: those of one paragraph go right or wrong together. Where there
    is one paragraph alone, it resamples what there is, its questions.
    """
    f1 = np.array([token_f1(theirs, ours) for ours, theirs in zip(reference, answers, strict=True)])
    contexts, group = np.unique([question.context for question in questions], return_inverse=True)
    group = np.arange(len(questions)) if len(contexts) == 1 else group
    counts = np.bincount(group)
    totals = np.bincount(group, weights=f1)
    drawn = np.random.default_rng(seed).integers(0, len(counts), (2000, len(counts)))
    means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Agreement(100 * float(f1.mean()), 100 * float(low), 100 * float(high), len(questions))
