"""l0 as a method: its options, what drives its gates, and what training them costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from prune.cost.passes import FORWARD, FROZEN, Lot, Passes, total_shape
from prune.methods.job import Job
from prune.methods.l0.penalty import Penalty, paper_weight
from prune.methods.l0.settings import GateLoss, GateSettings
from prune.methods.method import Method, Need, Ranking, lacks_labels
from prune.methods.target import Budget, Fractions, Outlook, Target, units_of
from prune.plan import KINDS, Kind, Plan, Scores, plan_above
from prune.shape import ModelShape
from trellis.bounds import MOST_EPOCHS, MOST_RATE, MOST_WEIGHT, check_choices, check_number
from trellis.errors import InputError, Parameter
from trellis.options import Share, Value
from trellis.progress import Report

if TYPE_CHECKING:
    from prune.work import Work

Weight = Annotated[float, Value("X")]

SEARCH_TARGET = 0.5
"""Fraction that gates are trained to close where a search decides how many do: about the most it takes."""


@dataclass(frozen=True)
class L0(Method):
    """Gates, of method l0.

    Raises InputError where a number is out of range.
    """

    name: ClassVar[str] = "l0"
    does: ClassVar[str] = "trains gates on annotated questions"
    needs: ClassVar[Need] = "labels"
    about: ClassVar[str] = "gates"
    binding: ClassVar[tuple[str, ...]] = (
        "lambda_heads",
        "lambda_ffn",
        "lambda_absolute",
        "gate_share",
        "joint",
    )

    lambda_heads: Weight | None = None
    """Let an open head cost this much, as a multiple of the paper's λ*, instead of removing a share of all heads."""
    lambda_ffn: Weight | None = None
    """Let an open feed-forward activation cost this much, as a multiple of the paper's λ*."""
    lambda_absolute: bool = False
    """Read `lambda_heads` and `lambda_ffn` as what one gate costs, not as multiples."""
    joint: bool = False
    """Train gates of heads and of activations together."""
    gate_share: Share = 1.0
    """Train gates on this share of `train`."""
    gate_epochs: float = 1.0
    """Go over that share this many times."""
    gate_loss: GateLoss = "task"
    """Hold gated answers against the annotated ones (task), or against the ungated model's logits (distill)."""
    gate_learning_rate: float = 0.1
    """Train log α, which says how far a gate is open, at this rate at its peak."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("lambda_heads", "lambda_ffn"):
            if getattr(self, name) is not None:
                check_number(Parameter(name), getattr(self, name), 0, MOST_WEIGHT)
        if self.lambda_absolute and not self._weights:
            raise InputError(
                "{} says how to read {} and {}; give one of them.",
                *map(Parameter, ("lambda_absolute", "lambda_heads", "lambda_ffn")),
            )
        if not 0 < self.gate_share <= 1:
            raise InputError(
                "{} is {:g}; expected a fraction above 0, at most 1.",
                Parameter("gate_share"),
                self.gate_share,
            )
        check_number(Parameter("gate_epochs"), self.gate_epochs, 0, MOST_EPOCHS, above=True)
        check_number(Parameter("gate_learning_rate"), self.gate_learning_rate, 0, MOST_RATE, above=True)

    @property
    def trains(self) -> bool:
        """It does."""
        return True

    @property
    def amounts(self) -> Mapping[str, str]:
        """The λ that are given."""
        replaced: dict[Kind, tuple[str, str]] = {
            "heads": ("lambda_heads", "prune_heads"),
            "intermediate": ("lambda_ffn", "prune_ffn"),
        }
        return dict(replaced[kind] for kind in self._weights)

    def target(self, fractions: Fractions) -> Target:
        """Whatever gates λ leaves open, and the fractions of the kinds of units that have no λ."""
        return LeftOpen(fractions, tuple(self._weights)) if self._weights else fractions

    def rank(self, job: Job, target: Target | None, work: "Work", progress: Report) -> Ranking:
        """log α of gates, trained on the annotated questions; a kind of which nothing is to go is kept whole."""
        from prune.methods.l0.ranking import ranked

        if not job.train:
            raise lacks_labels(self)
        penalties = self.penalties(job.whole, target)
        return ranked(job, penalties, self.settings(job), self.gate_share, self.joint, work, progress)

    def passes(self, job: Job, target: Target | None) -> Iterator[Passes]:
        """All steps, for both kinds of gates."""
        lot = job.training_lot()
        kinds = len(self.penalties(job.whole, target))
        if lot and kinds:
            yield self._training(job, lot.share(self.gate_share), 1 if self.joint else kinds)

    def settings(self, job: Job) -> GateSettings:
        """How the gates are trained."""
        training = job.training
        return GateSettings(
            epochs=self.gate_epochs,
            batch_size=training.batch_size,
            micro_batch_size=training.micro_batch_size,
            learning_rate=self.gate_learning_rate,
            distill=self.gate_loss == "distill",
            temperature=training.temperature,
            seed=job.seed,
        )

    def penalties(self, whole: ModelShape, target: Target | None) -> dict[Kind, Penalty]:
        """What is to drive the gates of each kind; a kind of which nothing is to go, or all, is left out."""
        fractions = target.removed(whole) if target else dict.fromkeys(KINDS, SEARCH_TARGET)
        penalties: dict[Kind, Penalty] = {}
        for kind in KINDS:
            number = sum(units_of(whole, kind))
            weight = self._weights.get(kind)
            if not number:
                continue
            if weight is not None:
                penalties[kind] = Penalty(
                    weight if self.lambda_absolute else paper_weight(kind, number, weight)
                )
            elif 0 < fractions[kind] < 1:
                penalties[kind] = Penalty(paper_weight(kind, number, 1), target=fractions[kind])
        return penalties

    @property
    def _weights(self) -> dict[Kind, float]:
        """λ of the kinds of units that have one."""
        given: dict[Kind, float | None] = {"heads": self.lambda_heads, "intermediate": self.lambda_ffn}
        return {kind: weight for kind, weight in given.items() if weight is not None}

    def _training(self, job: Job, lot: Lot, runs: int) -> Passes:
        settings = self.settings(job)
        steps_per_epoch = -(-lot.count // settings.batch_size)
        epochs, steps = divmod(settings.steps(lot.count), steps_per_epoch)
        windows = runs * (epochs * lot.count + min(steps * settings.batch_size, lot.count))
        cost = FROZEN + FORWARD * settings.distill
        adds = job.counter.epochs(lot, settings.batch_size, windows, job.shapes, cost)
        extra = windows if settings.distill else 0
        return Passes("training gates", (extra, extra), (windows, windows), adds)


@dataclass(frozen=True)
class LeftOpen(Target):
    """Of some kinds of units those go whose gates λ closed, however many; of the others, fractions."""

    fractions: Fractions
    weighed: tuple[Kind, ...]
    """Those that have a λ."""

    def plan(self, scores: Scores) -> Plan:
        """The gates that are likelier open than closed; `scores` are log α."""
        from prune.methods.l0.hard_concrete import THRESHOLD

        rest = self.fractions.plan(scores)
        opened = plan_above(scores, THRESHOLD, multiple_of=self.fractions.multiple_of)
        return Plan(
            (opened if "heads" in self.weighed else rest).heads,
            (opened if "intermediate" in self.weighed else rest).intermediate,
        )

    def budgets(self, whole: ModelShape) -> tuple[Budget, ...]:
        """None can be named: raises InputError."""
        raise InputError("How much λ leaves of a model is known when its gates are trained, not before.")

    def removed(self, whole: ModelShape) -> Mapping[Kind, float]:
        """The fractions of the kinds that have no λ; of the others this says nothing."""
        return self.fractions.removed(whole)

    def outlook(self, whole: ModelShape) -> Outlook:
        """Anything may be left."""
        said = "Gates would be trained against λ: how much they leave of the model, only training can say."
        return Outlook(total_shape(0, 0, whole), whole, said)
