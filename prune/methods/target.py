"""What one cut of a model is to come to, whatever method makes it.

A method that gives scores asks a target which units stay by them. A method that weighs sizes of every sublayer
against each other asks for its budgets: costs that must not exceed a number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from prune.cost.passes import Shapes, without
from prune.plan import KINDS, Kind, Plan, Scores, plan_fractions, plan_shape
from prune.shape import ModelShape

Cost = Callable[[ModelShape], float]
"""What a shape costs, such as multiply-adds or seconds: something, and a share of each sublayer's own."""


@dataclass(frozen=True)
class Budget:
    """A cost, and how much of it there may be."""

    cost: Cost
    most: float


@dataclass(frozen=True)
class Outlook:
    """What is known of a model before it is cut."""

    smallest: ModelShape
    largest: ModelShape
    in_words: str = ""
    """What would be done, as a sentence; empty where the sizes say it."""
    by_layer: bool = False
    """Whether the sizes of each layer are known; otherwise the totals alone are meant."""

    @property
    def shapes(self) -> Shapes:
        """The smallest and the largest."""
        return self.smallest, self.largest

    @property
    def known(self) -> ModelShape | None:
        """The shape, or one with its totals; None where nobody knows yet."""
        return self.smallest if self.smallest == self.largest else None


class Target(Protocol):
    """What a cut is to come to."""

    def plan(self, scores: Scores) -> Plan:
        """Which units stay, where each has a score. Raises InputError where the model has not as much."""

    def budgets(self, whole: ModelShape) -> tuple[Budget, ...]:
        """What the sizes left of a model of shape `whole` must keep to.

        No sublayer adds to the costs of two of them, and one that adds to none stays as it is.
        """

    def removed(self, whole: ModelShape) -> Mapping[Kind, float]:
        """The fraction of each kind of units that is to go, as far as the target itself says it."""

    def outlook(self, whole: ModelShape) -> Outlook:
        """What is known of the sizes before any method was asked."""


@dataclass(frozen=True)
class Fractions(Target):
    """Fractions of all heads and of all feed-forward activations go, from whatever layers; see `plan_fractions`."""

    heads: float = 0.0
    intermediate: float = 0.0
    multiple_of: int = 1
    """Widths of feed-forward layers are rounded up to it, which may give some activations back."""

    def plan(self, scores: Scores) -> Plan:
        """Without the lowest-scored units."""
        return plan_fractions(
            scores, heads=self.heads, intermediate=self.intermediate, multiple_of=self.multiple_of
        )

    def budgets(self, whole: ModelShape) -> tuple[Budget, ...]:
        """The numbers of units of each kind that are left."""
        left = without(whole, self.heads, self.intermediate)
        return tuple(Budget(partial(_total, kind=kind), _total(left, kind)) for kind in KINDS)

    def removed(self, whole: ModelShape) -> Mapping[Kind, float]:
        """As given."""
        return {"heads": self.heads, "intermediate": self.intermediate}

    def outlook(self, whole: ModelShape) -> Outlook:
        """The totals that are left."""
        left = without(whole, self.heads, self.intermediate)
        return Outlook(left, left)


@dataclass(frozen=True)
class Sizes(Target):
    """Every layer comes out with the sizes of `shape`."""

    shape: ModelShape

    def plan(self, scores: Scores) -> Plan:
        """With the best-scored units of each layer."""
        return plan_shape(scores, self.shape)

    def budgets(self, whole: ModelShape) -> tuple[Budget, ...]:
        """One for each sublayer."""
        self.shape.check_within(whole)
        return tuple(
            Budget(partial(_in_layer, kind=kind, index=index), left)
            for kind in KINDS
            for index, left in enumerate(units_of(self.shape, kind))
        )

    def removed(self, whole: ModelShape) -> Mapping[Kind, float]:
        """As the totals say."""
        return dict(zip(KINDS, self.shape.removed_from(whole), strict=True))

    def outlook(self, whole: ModelShape) -> Outlook:
        """Those sizes."""
        return Outlook(self.shape, self.shape, by_layer=True)


def units_of(shape: ModelShape, kind: Kind) -> list[int]:
    """How many units of that kind each layer has."""
    return [layer.num_heads if kind == "heads" else layer.intermediate_size for layer in shape.layers]


def _total(shape: ModelShape, kind: Kind) -> float:
    return sum(units_of(shape, kind))


def _in_layer(shape: ModelShape, kind: Kind, index: int) -> float:
    return units_of(shape, kind)[index]
