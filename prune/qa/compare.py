"""Two models' answers to the same questions: what each scores, and what lies between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prune.qa.answer import calibrate_null_threshold, score_predictions
from prune.qa.metrics import SquadScore, per_question, refusing
from prune.qa.questions import Question
from prune.qa.significance import Interval, paired_bootstrap
from prune.qa.spans import Prediction


@dataclass(frozen=True)
class Accuracy:
    """One model's SQuAD scores, in percent, at the null threshold that suits it best on these questions."""

    score: SquadScore
    null_threshold: float
    has_answer_f1: float | None
    """F1 over the questions that have an answer, none of them refused: what pruning costs shows here first."""
    f1_by_question: tuple[float, ...]
    """0 to 1, in the order of the questions, at the null threshold: to be paired with any other model's."""
    unrefused_f1_by_question: tuple[float, ...]
    """The same for the questions that have an answer, none of them refused."""


@dataclass(frozen=True)
class Comparison:
    """Before and after, with paired 95 % intervals of after less before, in points of F1."""

    before: Accuracy
    after: Accuracy
    f1_change: Interval
    has_answer_f1_change: Interval | None

    @property
    def f1_loss(self) -> float:
        """Points of F1 that the model after has less, each at its best threshold."""
        return -self.f1_change.mean_difference

    @property
    def null_threshold(self) -> float | None:
        """What the model after should be served with; None where there is nothing to learn refusing from."""
        return self.after.null_threshold if self.after.score.no_answer_total else None


def compare(
    questions: Sequence[Question], before: Sequence[Prediction], after: Sequence[Prediction]
) -> Comparison:
    """Score two models on `questions`; their predictions are in the same order."""
    accuracies, f1, unrefused = [], [], []
    answerable = np.array([bool(question.answers) for question in questions])
    for predictions in (before, after):
        threshold = calibrate_null_threshold(questions, predictions)
        texts = {prediction.id: prediction.best_text for prediction in predictions}
        odds = np.array([prediction.null_odds for prediction in predictions])
        best = per_question(questions, texts)[1]
        f1.append(100 * refusing(best, answerable, odds, threshold))
        unrefused.append(100 * best[answerable])
        score = score_predictions(questions, predictions, null_threshold=threshold)
        mean = float(unrefused[-1].mean()) if answerable.any() else None
        by_question = (tuple((values / 100).round(6).tolist()) for values in (f1[-1], unrefused[-1]))
        accuracies.append(Accuracy(score, threshold, mean, *by_question))
    first, second = accuracies
    return Comparison(
        first,
        second,
        paired_bootstrap(f1[1], f1[0]),
        paired_bootstrap(unrefused[1], unrefused[0]) if answerable.any() else None,
    )
