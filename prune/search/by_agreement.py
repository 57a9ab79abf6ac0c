"""How far a model can be cut before its own answers change: no data of the user's, no training.

The model answers a set of questions. Where there are annotated questions to choose units by, all of its answers
are what a cut model must go on giving; otherwise half of them are the labels that units are chosen by.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from prune.cost.passes import FORWARD, Passes, lot_of, without
from prune.methods.job import Job
from prune.methods.method import Method, Ranking
from prune.methods.target import Fractions, Outlook
from prune.plan import Plan
from prune.search.agreement import Agreement
from prune.search.extent import Choice, Extent
from prune.tasks.own_answers import OwnAnswers, own_answers_of
from prune.tasks.question_answering.questions import Question
from trellis.errors import InputError
from trellis.progress import Report

if TYPE_CHECKING:
    from prune.work import Work

LARGEST_PERCENT = 62
"""Largest cut tried: at half, answers already change beyond use without training; 62 takes six trials."""

MULTIPLE_OF = 8
"""What widths are rounded up to: the last vector of an odd width is computed half empty."""


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


@dataclass(frozen=True)
class ByAgreement(Extent):
    """The largest common fraction of heads and activations that keeps the model's own answers.

    A cut passes where the mean token F1 with the uncut model's answers is at least `min_agreement` percent.
    Raises InputError for an agreement outside 0..100.
    """

    questions: Sequence[Question]
    min_agreement: float = 90.0
    multiple_of: int = MULTIPLE_OF

    def __post_init__(self) -> None:
        if not 0 <= self.min_agreement <= 100:
            raise InputError(
                f"The agreement to keep is {self.min_agreement}; expected a percentage from 0 to 100."
            )

    def settle(self, method: Method, job: Job, work: "Work", progress: Report) -> Choice:
        """Bisect for it. Raises InputError for too few questions."""
        if not self.questions:
            raise InputError("There are no questions to ask the model; give at least two paragraphs of them.")
        asked = replace(job, text=self.questions, answered=False)
        labelled = asked.own_answers(lambda done, total: progress("asking the model", done, total))
        scoring, checking = self._divided(labelled, job)
        found = Search(None, 0, None, _own(job).nearly_constant(labelled), (), len(scoring), len(checking))
        if found.reason:
            return Choice(None, f"exported whole: {found.reason}", found)
        ranking = method.rank(_with_labels(job, scoring), None, work, progress)
        found = self._bisected(found, ranking, job, checking, progress)
        if found.plan is None:
            return Choice(None, f"exported whole: {found.reason}", found, ranking.found, ranking.warnings)
        cut = ranking.finished(ranking.cut(self._target(found.percent)))
        how = f"removed as much as keeps {self.min_agreement:g} % agreement"
        return Choice(cut, how, found, ranking.found, ranking.warnings)

    def outlook(self, method: Method, job: Job) -> Outlook:
        """All of the model may stay, or as little as the largest cut leaves."""
        largest = LARGEST_PERCENT / 100
        said = (
            f"It would be cut as far as it keeps {self.min_agreement:g} % agreement with its own answers: how much "
            "that leaves of it, only these answers can say."
        )
        return Outlook(without(job.whole, largest, largest), job.whole, said)

    def passes(self, method: Method, job: Job) -> Iterator[Passes]:
        """Asking the model, what the method computes, and as many trials as the bisection may take."""
        lot = lot_of(job.subject, self.questions)
        yield job.counter.passes("asking the model", lot, job.shapes, FORWARD)
        scoring, checking = self._divided(self.questions, job)
        yield from method.passes(_with_labels(job, scoring), None)
        lot = lot_of(job.subject, checking)

        @cache
        def trials(passes: int, fails: int) -> tuple[int, int, float, float]:
            """(fewest, most) trials still to come, and (least, most) multiply-adds."""
            if fails - passes <= 1:
                return 0, 0, 0.0, 0.0
            percent = (passes + fails) // 2
            cost = job.counter.sorted(lot, without(job.whole, percent / 100, percent / 100))
            ways = trials(percent, fails), trials(passes, percent)
            few, many = min(way[0] for way in ways), max(way[1] for way in ways)
            low, high = min(way[2] for way in ways), max(way[3] for way in ways)
            return few + 1, many + 1, low + cost, high + cost

        few, many, low, high = trials(0, LARGEST_PERCENT + 1)
        yield Passes("trying cuts", (few * lot.count, many * lot.count), (0, 0), (low, high))

    def _divided(
        self, questions: Sequence[Question], job: Job
    ) -> tuple[Sequence[Question], Sequence[Question]]:
        """(what units are chosen by, what checks the cuts)."""
        return ([], questions) if job.train else _own(job).halves(questions, job.seed)

    def _target(self, percent: int) -> Fractions:
        return Fractions(percent / 100, percent / 100, self.multiple_of)

    def _bisected(
        self, found: Search, ranking: Ranking, job: Job, checking: Sequence[Question], progress: Report
    ) -> Search:
        subject = job.subject
        passes, fails = 0, LARGEST_PERCENT + 1
        while fails - passes > 1:
            percent = (passes + fails) // 2
            cut = ranking.cut(self._target(percent))
            told = _telling(progress, f"trying {percent} % removed")
            answered = subject.labelled(checking, cut.of(subject.model), told)
            kept = _own(job).agreement(checking, answered)
            found = replace(found, trials=(*found.trials, Trial(percent, kept)))
            if kept.mean >= self.min_agreement:
                passes = percent
                found = replace(found, plan=cut.plan, percent=percent, agreement=kept)
            else:
                fails = percent
        if found.plan is None or found.plan.shape == job.whole:  # rounding may give everything back
            reason = f"no cut keeps {self.min_agreement:g} % agreement with the model's own answers"
            return replace(found, plan=None, percent=0, agreement=None, reason=reason)
        return found


def _with_labels(job: Job, scoring: Sequence[Question]) -> Job:
    """The job for a method: by the user's annotated questions where there are any, else by those the model answered."""
    return job if job.train else replace(job, text=scoring, answered=True)


def _telling(progress: Report, what: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(what, done, total)


def _own(job: Job) -> OwnAnswers[Question]:
    return own_answers_of(job.subject.source.encoder.task)
