"""Exact match and F1 as SQuAD 2.0 defines them, equal to the official script's figures to the last digit."""

import math
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.questions import Question
from trellis.errors import InputError

Floats = NDArray[np.float64]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation and English articles, words parted by single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def token_f1(predicted: str, gold: str) -> float:
    """Harmonic mean of word precision and recall after normalisation, 0..1; two empty answers agree: 1."""
    predicted_words, gold_words = normalize_answer(predicted).split(), normalize_answer(gold).split()
    if not predicted_words or not gold_words:
        return float(predicted_words == gold_words)
    common = (Counter(predicted_words) & Counter(gold_words)).total()
    if not common:
        return 0.0
    precision, recall = common / len(predicted_words), common / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def per_question(questions: Sequence[Question], answers: Mapping[str, str]) -> tuple[Floats, Floats]:
    """(exact, f1) of each question, 0..1, in the order of `questions`: the best over its annotated answers.

    `answers` maps ids to texts, '' where the question is refused; further ids are ignored. Raises
    InputError where a question has no entry.
    """
    exact, f1 = np.zeros(len(questions)), np.zeros(len(questions))
    for index, question in enumerate(questions):
        if question.id not in answers:
            raise InputError(f"There is no answer to question {question.id!r}; give '' for a refused one.")
        answer = answers[question.id]
        golds = [gold.text for gold in question.answers if normalize_answer(gold.text)] or [""]
        exact[index] = max(normalize_answer(answer) == normalize_answer(gold) for gold in golds)
        f1[index] = max(token_f1(answer, gold) for gold in golds)
    return exact, f1


@dataclass(frozen=True)
class SquadScore:
    """Figures in percent; None where there are no such questions, or no null odds were given."""

    exact: float
    f1: float
    total: int
    has_answer_exact: float | None
    has_answer_f1: float | None
    has_answer_total: int
    no_answer_exact: float | None
    no_answer_f1: float | None
    no_answer_total: int
    best_exact: float | None = None
    best_exact_threshold: float | None = None
    best_f1: float | None = None
    best_f1_threshold: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def score(
    questions: Sequence[Question],
    answers: Mapping[str, str],
    null_odds: Mapping[str, float] | None = None,
    *,
    null_threshold: float = math.inf,
) -> SquadScore:
    """Score `answers` (id → text). With `null_odds` (id → odds of "no answer"), also the best thresholds.

    An answer whose odds exceed `null_threshold` counts as refused. The best-threshold figures look at
    `answers` as given, so that these must then be the model's best texts, none of them refused beforehand.
    Raises InputError where there are no questions, or one lacks its answer or its odds.
    """
    if not questions:
        raise InputError("There are no questions to score.")
    raw_exact, raw_f1 = exact, f1 = per_question(questions, answers)
    has_answer = np.array([bool(question.answers) for question in questions])
    best: tuple[float | None, ...] = ()
    if null_odds is not None:
        odds = _odds_of(questions, null_odds)
        exact, f1 = (refusing(values, has_answer, odds, null_threshold) for values in (raw_exact, raw_f1))
        attempted = np.array([bool(answers[question.id]) for question in questions])
        best = (
            *best_threshold(raw_exact, has_answer, attempted, odds),
            *best_threshold(raw_f1, has_answer, attempted, odds),
        )
    everything = np.full(len(questions), True)
    figures = [
        figure
        for chosen in (everything, has_answer, ~has_answer)
        for figure in (_percent(exact[chosen]), _percent(f1[chosen]), int(chosen.sum()))
    ]
    return SquadScore(*figures, *best)  # type: ignore[arg-type]


def refusing(
    scores: Floats, has_answer: NDArray[np.bool_], null_odds: Floats, null_threshold: float
) -> Floats:
    """`scores` (0..1, one per question) where answers whose odds exceed the threshold count as refused.

    Refusing is right (1) where there is no answer and wrong (0) where there is one, whatever its words.
    """
    return np.where(null_odds > null_threshold, ~has_answer, scores)


def best_threshold(
    scores: Floats, has_answer: NDArray[np.bool_], attempted: NDArray[np.bool_], null_odds: Floats
) -> tuple[float, float]:
    """(percent, threshold) of the null threshold that serves best, over arrays of one entry per question.

    `scores` are those of the answers with none refused, 0..1; `attempted` says which answers are not ''.
    As in the official script, thresholds are tried at every odds, in ascending order, the first best wins.
    Where refusing everything is best the threshold lies just under the lowest odds (there: 0.0, whatever
    the odds).
    """
    order = np.argsort(null_odds, kind="stable")
    # Raising the threshold past a question's odds answers it: gain its score, or lose a right refusal.
    change = np.where(has_answer, scores, -attempted.astype(np.float64))[order]
    totals = np.cumsum(np.concatenate([[np.sum(~has_answer)], change]))
    best = int(np.argmax(totals))
    threshold = null_odds[order[best - 1]] if best else np.nextafter(null_odds[order[0]], -np.inf)
    return 100 * float(totals[best]) / len(scores), float(threshold)


def _odds_of(questions: Sequence[Question], null_odds: Mapping[str, float]) -> Floats:
    missing = [question.id for question in questions if question.id not in null_odds]
    if missing:
        raise InputError(f"There are no null odds for question {missing[0]!r}.")
    return np.array([null_odds[question.id] for question in questions])


def _percent(values: Floats) -> float | None:
    """Mean in percent, added from first to last: NumPy's pairwise sum and Python 3.12's differ at the end."""
    return 100 * float(np.cumsum(values)[-1]) / len(values) if len(values) else None
