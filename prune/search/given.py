"""Extents that are given outright: nothing, the very units, or a target that a method is to come to."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prune.cost.passes import Passes
from prune.methods.job import Job
from prune.methods.method import Cut, Method
from prune.methods.target import Outlook, Target
from prune.plan import Plan
from prune.search.extent import Choice, Extent
from trellis.progress import Report

if TYPE_CHECKING:
    from prune.work import Work


@dataclass(frozen=True)
class Unchanged(Extent):
    """Nothing goes."""

    how: str
    """Why, in words."""

    def settle(self, method: Method, job: Job, work: "Work", progress: Report) -> Choice:
        """The model as it is; no method is asked."""
        return Choice(None, self.how)

    def outlook(self, method: Method, job: Job) -> Outlook:
        """The shape that it has."""
        return Outlook(job.whole, job.whole, "It would be exported as it is.")

    def passes(self, method: Method, job: Job) -> Iterator[Passes]:
        """None."""
        return iter(())


@dataclass(frozen=True)
class Units(Extent):
    """The units of a plan stay."""

    plan: Plan
    how: str
    """Whose plan it is, in words."""

    def settle(self, method: Method, job: Job, work: "Work", progress: Report) -> Choice:
        """Those units; no method is asked."""
        return Choice(Cut(self.plan), self.how)

    def outlook(self, method: Method, job: Job) -> Outlook:
        """The plan's sizes."""
        return Outlook(self.plan.shape, self.plan.shape, by_layer=True)

    def passes(self, method: Method, job: Job) -> Iterator[Passes]:
        """None."""
        return iter(())


@dataclass(frozen=True)
class Given(Extent):
    """The model is cut to a target by the method."""

    target: Target
    how: str = "removed what was asked for"
    """In words, for the result."""

    def settle(self, method: Method, job: Job, work: "Work", progress: Report) -> Choice:
        """The method's cut to that target."""
        ranking = method.rank(job, self.target, work, progress)
        cut = ranking.finished(ranking.cut(self.target))
        return Choice(cut, self.how, found=ranking.found, warnings=ranking.warnings)

    def outlook(self, method: Method, job: Job) -> Outlook:
        """What the target says; the sizes of each layer where the method needs nothing to choose by."""
        if method.needs == "nothing":
            shape = self._at_once(method, job).plan.shape
            return Outlook(shape, shape, by_layer=True)
        outlook = self.target.outlook(job.whole)
        said = f"Units would be chosen by {method.name}: layers come out unequal, with these totals."
        return outlook if outlook.in_words or outlook.by_layer else replace(outlook, in_words=said)

    def passes(self, method: Method, job: Job) -> Iterator[Passes]:
        """What the method computes."""
        return method.passes(job, self.target)

    def _at_once(self, method: Method, job: Job) -> Cut:
        from prune.work import open_work

        with open_work(None) as passing:
            ranking = method.rank(job, self.target, passing, lambda what, done, total: None)
        return ranking.cut(self.target)
