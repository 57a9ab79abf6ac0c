"""How much of a model goes: given outright, or found by a search. One contract for all ways to say it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from prune.cost.passes import Passes
from prune.methods.job import Job
from prune.methods.method import Cut, Method
from prune.methods.target import Outlook
from prune.plan import Plan
from trellis.progress import Report

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from prune.work import Work


@dataclass(frozen=True)
class Choice:
    """What is to stay of a model, and how that was found."""

    cut: Cut | None
    """None where the model stays as it is."""
    how: str
    """In words: what decided the amount."""
    search: Any = None
    """What a search saw on its way, a dataclass; None where there was none."""
    found: Mapping[str, Any] = field(default_factory=dict)
    """What else the method has to say, as plain values for JSON."""
    warnings: tuple[str, ...] = ()
    """What speaks against trusting the choice."""

    @property
    def plan(self) -> Plan | None:
        """The units that stay; None where all do."""
        return self.cut.plan if self.cut else None

    def of(self, model: "PreTrainedModel") -> "PreTrainedModel":
        """What is left of `model`: a smaller one, or itself where it stays as it is."""
        return self.cut.of(model) if self.cut else model


class Extent(Protocol):
    """How much of a model goes."""

    def settle(self, method: Method, job: Job, work: "Work", progress: Report) -> Choice:
        """Decide what stays, by `method`. Raises InputError where `job` lacks what that takes."""

    def outlook(self, method: Method, job: Job) -> Outlook:
        """What is known before of what will stay."""

    def passes(self, method: Method, job: Job) -> Iterator[Passes]:
        """What `settle` will compute, one by one, counted before it is done."""
