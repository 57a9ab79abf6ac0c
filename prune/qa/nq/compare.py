"""Two models' answers to the same Natural Questions: what each scores, and what lies between them."""

from dataclasses import dataclass

import numpy as np

from prune.qa.nq.examine import NqAnswers
from prune.qa.nq.metrics import AnswerScore, Floats, at_threshold, best_threshold
from prune.qa.nq.outcomes import MIN_ANNOTATORS, Outcomes, long_outcomes, short_outcomes
from prune.qa.significance import Interval, paired_ratio_bootstrap


@dataclass(frozen=True)
class AnswerAccuracy:
    """One model's long or short answers at the threshold that suits them best on these questions."""

    score: AnswerScore
    has_answer: tuple[bool, ...]
    """In the order of the questions, as the next two: counts to be paired with any other model's."""
    attempted: tuple[bool, ...]
    correct: tuple[bool, ...]


@dataclass(frozen=True)
class NqAccuracy:
    """One model's scores, in percent."""

    long: AnswerAccuracy
    short: AnswerAccuracy
    total: int


@dataclass(frozen=True)
class NqComparison:
    """Before and after, with paired 95 % intervals of after less before, in points of F1."""

    before: NqAccuracy
    after: NqAccuracy
    long_f1_change: Interval
    short_f1_change: Interval

    @property
    def f1_loss(self) -> float:
        """Points of F1 that the model after has less, of the kind of answers that loses more."""
        return -min(self.long_f1_change.mean_difference, self.short_f1_change.mean_difference)

    @property
    def null_threshold(self) -> float | None:
        """What the model after should be served with, where short answers are wanted.

        Null odds are the score the other way round, in a passage of one window. None where no short answer is
        right, so that there is nothing to learn refusing from.
        """
        score = self.after.short.score
        return -score.threshold if score.f1 else None


def compare(before: NqAnswers, after: NqAnswers, *, min_annotators: int = MIN_ANNOTATORS) -> NqComparison:
    """Score two models that were asked the same questions, see `long_outcomes`, each at its best thresholds.

    Raises InputError where their questions are not the same, and where `long_outcomes` does.
    """
    first, second = (
        NqAccuracy(
            _accuracy(long_outcomes(before.golds, exam.predictions, min_annotators=min_annotators)),
            _accuracy(short_outcomes(before.golds, exam.predictions, min_annotators=min_annotators)),
            len(before.golds),
        )
        for exam in (before, after)
    )
    return NqComparison(
        first, second, f1_change(first.long, second.long), f1_change(first.short, second.short)
    )


def f1_change(before: AnswerAccuracy, after: AnswerAccuracy) -> Interval:
    """The change of F1, in points, with its paired interval; both are of the same questions in one order.

    F1 is twice the right answers over those given and those there are, a ratio of sums over questions.
    """
    return paired_ratio_bootstrap(*_ratio(after), *_ratio(before))


def _accuracy(outcomes: Outcomes) -> AnswerAccuracy:
    threshold = best_threshold(outcomes)
    given = outcomes.above(threshold)
    columns = (given.has_answer, given.attempted, given.correct)
    return AnswerAccuracy(at_threshold(outcomes, threshold), *(tuple(column.tolist()) for column in columns))


def _ratio(accuracy: AnswerAccuracy) -> tuple[Floats, Floats]:
    has_answer, attempted, correct = (
        np.array(column, np.float64) for column in (accuracy.has_answer, accuracy.attempted, accuracy.correct)
    )
    return 200 * correct, attempted + has_answer
