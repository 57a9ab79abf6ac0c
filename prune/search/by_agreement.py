"""How far a model can be cut before its own answers change: no data of the user's, no training.

The model answers a set of questions; half of its answers are the labels that gain scores by, the other half
is what a cut model must go on giving.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from prune.cut import shrink
from prune.families.layers import shape_of
from prune.loaded_model import LoadedModel
from prune.methods import Method
from prune.methods.score import score
from prune.plan import Plan, Scores, plan_fractions
from prune.search.agreement import Agreement, agreement
from prune.tasks.question_answering.builtin import halves
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.windows import pad_token_id_of
from trellis.errors import InputError

NEARLY_CONSTANT = 0.9
"""Share of one and the same answer at which a model's answers say nothing about what it needs."""

LARGEST_PERCENT = 62
"""Largest cut tried: at half, answers already change beyond use without training; 62 takes six trials."""

Progress = Callable[[str, int, int], None]
"""Called with (what is done, units done, units in all)."""


@dataclass(frozen=True)
class Trial:
    """One cut that was tried: percent of heads and of activations removed, and the agreement left."""

    percent: int
    agreement: Agreement


@dataclass(frozen=True)
class Search:
    """What the search found; `plan` is None where the whole model is to be kept, for the reason given."""

    plan: Plan | None
    percent: int
    agreement: Agreement | None
    reason: str | None
    trials: tuple[Trial, ...]
    scoring_questions: int
    checking_questions: int


def own_answers(
    subject: LoadedModel,
    questions: Sequence[Question],
    progress: Callable[[int, int], None] | None = None,
) -> list[Question]:
    """The same questions with what the model answers as their only answer, or with none where it refuses."""
    threshold = subject.settings.null_threshold
    return [
        replace(question, answers=_as_label(prediction, threshold))
        for question, prediction in zip(questions, subject.answer(questions, progress=progress), strict=True)
    ]


def search(
    subject: LoadedModel,
    questions: Sequence[Question],
    *,
    scores: Scores | None = None,
    method: Method = "gain",
    min_agreement: float = 90.0,
    multiple_of: int = 8,
    seed: int = 0,
    progress: Progress | None = None,
) -> Search:
    """Bisect for the largest common fraction of heads and activations that keeps the model's own answers.

    A cut passes where the mean token F1 with the uncut model's answers on the checking half is at least
    `min_agreement` percent; units are scored by `method` on the other half. Where there are `scores`
    already, by whatever method, all of `questions` check. Raises InputError for an agreement outside 0..100,
    and for too few questions.
    """
    if not 0 <= min_agreement <= 100:
        raise InputError(f"The agreement to keep is {min_agreement}; expected a percentage from 0 to 100.")
    if not questions:
        raise InputError("There are no questions to ask the model; give at least two paragraphs of them.")

    def report(what: str) -> Callable[[int, int], None] | None:
        return (lambda done, total: progress(what, done, total)) if progress else None

    labelled = own_answers(subject, questions, report("asking the model"))
    scoring, checking = ([], labelled) if scores else halves(labelled, seed)
    found = Search(None, 0, None, _nearly_constant(labelled), (), len(scoring), len(checking))
    if found.reason:
        return found
    scores = scores or score(
        method,
        subject.model,
        subject.windows(scoring),
        pad_token_id=pad_token_id_of(subject.tokenizer),
        seed=seed,
        progress=report("scoring heads and activations"),
    )
    return _bisect(found, subject, checking, scores, min_agreement, multiple_of, report)


def _bisect(
    found: Search,
    subject: LoadedModel,
    checking: Sequence[Question],
    scores: Scores,
    min_agreement: float,
    multiple_of: int,
    report: Callable[[str], Callable[[int, int], None] | None],
) -> Search:
    reference = [question.answers[0].text if question.answers else "" for question in checking]
    passes, fails = 0, LARGEST_PERCENT + 1
    while fails - passes > 1:
        percent = (passes + fails) // 2
        fraction = percent / 100
        plan = plan_fractions(scores, heads=fraction, intermediate=fraction, multiple_of=multiple_of)
        cut = shrink(subject.model, plan)
        predictions = subject.answer(checking, cut, report(f"trying {percent} % removed"))
        texts = [prediction.answer(subject.settings.null_threshold) for prediction in predictions]
        kept = agreement(checking, reference, texts)
        found = replace(found, trials=(*found.trials, Trial(percent, kept)))
        if kept.mean >= min_agreement:
            passes = percent
            found = replace(found, plan=plan, percent=percent, agreement=kept)
        else:
            fails = percent
    if found.plan is None or found.plan.shape == shape_of(subject.model):  # rounding may give everything back
        reason = f"no cut keeps {min_agreement:g} % agreement with the model's own answers"
        return replace(found, plan=None, percent=0, agreement=None, reason=reason)
    return found


def _as_label(prediction: Prediction, null_threshold: float) -> tuple[Answer, ...]:
    text = prediction.answer(null_threshold)
    return (Answer(text, prediction.best_start),) if text else ()


def _nearly_constant(labelled: Sequence[Question]) -> str | None:
    """Why these answers cannot guide a cut, if they cannot."""
    texts = Counter(question.answers[0].text if question.answers else "" for question in labelled)
    text, count = texts.most_common(1)[0]
    if count < NEARLY_CONSTANT * len(labelled):
        return None
    same = f"the answer {text!r}" if text else "no answer"
    return (
        f"the model gives {same} to {count} of {len(labelled)} questions, which says nothing of what it needs"
    )
