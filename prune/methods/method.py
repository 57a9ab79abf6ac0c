"""What a method of choosing what goes must offer. Importing this, and every method's own file, loads no torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from prune.cost.passes import Passes
from prune.methods.job import Job
from prune.methods.target import Fractions, Target
from prune.plan import Plan, Scores
from trellis.errors import InputError, Parameter
from trellis.progress import Report

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from prune.work import Work

Need = Literal["nothing", "text", "labels"]
"""nothing: no text at all, so that it can be asked at once; text: questions, annotated or not;
labels: annotated ones."""


@dataclass(frozen=True)
class Cut:
    """What stays of a model."""

    plan: Plan
    model: "PreTrainedModel | None" = None
    """The smaller model, where the units that stay got other weights; None: they keep those that they had."""

    def of(self, model: "PreTrainedModel") -> "PreTrainedModel":
        """The smaller model, cut from `model`, which stays as it is."""
        from prune.cut import shrink

        return self.model or shrink(model, self.plan)


class Ranking(Protocol):
    """What a method found out about the units of a model: cuts of any size can be made by it."""

    def cut(self, target: Target) -> Cut:
        """The cut that comes to `target`. Quick: a search asks for several before it settles on one.

        Raises InputError where the model has not as much as is to stay.
        """

    def finished(self, cut: Cut) -> Cut:
        """`cut`, the one that was settled on, with whatever else is to be done to it; this may take long."""
        return cut

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against trusting it, in sentences."""
        return ()

    @property
    def found(self) -> Mapping[str, Any]:
        """What else there is to say of it, as plain values for JSON."""
        return {}


@dataclass(frozen=True)
class Scored:
    """A ranking by one number for each unit; the lowest go first, and the others keep their weights."""

    scores: Scores
    warnings: tuple[str, ...] = ()
    found: Mapping[str, Any] = field(default_factory=dict)

    def cut(self, target: Target) -> Cut:
        """The units that `target` keeps by these scores."""
        return Cut(target.plan(self.scores))

    def finished(self, cut: Cut) -> Cut:
        """The cut itself."""
        return cut


class Method(Protocol):
    """A way to choose which units go. Its fields, if any, are its options: it is a frozen dataclass with a default
    for each. They raise InputError, naming the field, for nonsense."""

    name: ClassVar[str]
    """What it is called where one is chosen."""
    does: ClassVar[str]
    """What it does, after its name: "trains gates on annotated questions"."""
    needs: ClassVar[Need]
    about: ClassVar[str] = ""
    """What its options are about, where other methods have none of that: "gates"."""
    binding: ClassVar[tuple[str, ...]] = ()
    """Options of it that must not be given where another method is chosen."""

    @property
    def trains(self) -> bool:
        """Whether it trains something: its stages are worth keeping, and what the device computes in matters."""
        return False

    @property
    def amounts(self) -> Mapping[str, str]:
        """Those of its options, as far as they are given, that say how much is to go; most methods have none.

        Each has beside it what it takes the place of: prune_heads or prune_ffn.
        """
        return {}

    def target(self, fractions: Fractions) -> Target:
        """What the cut is to come to where these fractions, or its own options, say how much is to go."""
        return fractions

    def rank(self, job: Job, target: Target | None, work: "Work", progress: Report) -> Ranking:
        """Find out which units can go; long parts are stages in `work`.

        `target` is what will be asked of the ranking, None where a search will ask for several amounts. The model
        stays as it is. Raises InputError where `job` lacks what the method needs.
        """

    def passes(self, job: Job, target: Target | None) -> Iterator[Passes]:
        """What `rank` and `finished` will compute, one by one, counted before it is done.

        Sets whose questions nobody has counted are left out. `job` is as for `rank`.
        """


def lacks_labels(method: Method) -> InputError:
    """What there is to say where a method needs annotated questions and there are none."""
    return InputError(
        "{} {}; name them with {}.", Parameter("method", method.name), method.does, Parameter("train")
    )
