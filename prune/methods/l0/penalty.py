"""What an open gate costs while gates are trained: λ, given outright or steered to a wanted fraction.

The loss is L_task + λ · (expected number of open gates). The paper's λ* keeps λ · (number of gates) the same
for every size of model, so that its multiples 1, 2, 3, 4 mean alike on all of them.
"""

import math
from dataclasses import dataclass, replace

from prune.plan import Kind
from trellis.errors import InputError

WHOLE_COST = {"heads": 0.72, "intermediate": 0.737}
"""λ* times the number of gates: 384 heads × 1.875e-3, 98,304 activations × 7.5e-6 (BERT-large)."""

RAMP = 0.6
"""Share of the steps in which the wanted fraction rises from 0 to its full height."""

_PROPORTIONAL, _INTEGRAL = 30.0, 0.3
_LEAD = 20
"""Steps by which steering looks ahead: about as many as a gate needs to close once λ has risen."""
_LARGEST_LOG = math.log(1e4)


def paper_weight(kind: Kind, num_gates: int, multiple: float) -> float:
    """λ for one gate: `multiple` of the paper's λ*, carried over to a model with `num_gates` gates."""
    return multiple * WHOLE_COST[kind] / max(num_gates, 1)


@dataclass(frozen=True)
class Penalty:
    """λ as it stands at one step.

    Raises InputError for a negative λ, one of 0 that is to be steered, and a fraction outside (0, 1).
    """

    weight: float
    """λ, in units of loss for one gate: constant, or where steering starts."""
    target: float | None = None
    """Fraction of the gates that is to be closed at the end; None where λ is constant."""
    integral: float = 0.0
    """What steering has learnt so far, in units of log λ."""
    last_removed: float | None = None
    """The expected fraction of closed gates one step before; None before the first."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise InputError(f"λ is {self.weight}; expected a finite number of at least 0.")
        if self.target is not None and not 0 < self.target < 1:
            raise InputError(
                f"The fraction to remove is {self.target}; expected a number between 0 and 1, both excluded."
            )
        if self.target is not None and not self.weight:
            raise InputError("λ is 0, from which no steering leads away; start from a number above 0.")

    def weight_at(self, removed: float, step: int, steps: int) -> float:
        """λ for one step, counted from 0, at which the expected fraction `removed` of the gates is closed.

        Steering: log λ follows the distance between the fraction wanted some steps ahead and the fraction that
        will be closed by then if all goes on as it does (proportional), and this distance summed up (integral).
        """
        if self.target is None:
            return self.weight
        log = self.integral + _PROPORTIONAL * self._distance(removed, step, steps)
        return self.weight * math.exp(max(-_LARGEST_LOG, min(_LARGEST_LOG, log)))

    def steered(self, removed: float, step: int, steps: int) -> "Penalty":
        """The penalty after that step."""
        if self.target is None:
            return self
        integral = self.integral + _INTEGRAL * self._distance(removed, step, steps)
        return replace(self, integral=max(-_LARGEST_LOG, min(_LARGEST_LOG, integral)), last_removed=removed)

    def _distance(self, removed: float, step: int, steps: int) -> float:
        assert self.target is not None
        wanted = self.target * min(1.0, (step + _LEAD) / (RAMP * steps))
        speed = 0.0 if self.last_removed is None else removed - self.last_removed
        return wanted - (removed + _LEAD * speed)
