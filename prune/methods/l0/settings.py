"""How gates are trained; importing this is light."""

import math
from dataclasses import dataclass
from typing import Literal

from trellis.bounds import (
    LEAST_TEMPERATURE,
    MOST_EPOCHS,
    MOST_RATE,
    MOST_SEED,
    MOST_STEP,
    check_number,
    check_whole,
)
from trellis.errors import InputError

GateLoss = Literal["task", "distill"]


@dataclass(frozen=True)
class GateSettings:
    """How gates are trained; the defaults are the paper's where it states any. Raises InputError."""

    epochs: float = 1.0
    batch_size: int = 24
    micro_batch_size: int | None = None
    """Windows that go through the model at once, on all processes together; None is the whole batch."""
    learning_rate: float = 0.1
    warmup: float = 0.1
    """Fraction of the steps in which the learning rate rises to its peak; then it falls to 0."""
    initial_log_alpha: float = 1.5
    """96 % of the gates drawn at first are open."""
    distill: bool = False
    """Whether the loss is the distance to the ungated model's own logits instead of the annotated answers."""
    temperature: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 0.0, MOST_EPOCHS),
            ("learning_rate", 0.0, MOST_RATE),
            ("temperature", 0.0, MOST_RATE),
        ):
            check_number(f"The gates' {name}", getattr(self, name), low, high, above=True)
        check_number("The gates' temperature", self.temperature, LEAST_TEMPERATURE, MOST_RATE)
        for name in ("batch_size", "micro_batch_size"):
            value = getattr(self, name)
            if not (value is None and name == "micro_batch_size"):
                check_whole(f"The gates' {name}", value, 1, MOST_STEP)
        check_number("The gates' initial_log_alpha", self.initial_log_alpha, -MOST_RATE, MOST_RATE)
        check_whole("The gates' seed", self.seed, 0, MOST_SEED)
        if not 0 <= self.warmup <= 1:
            raise InputError(f"The gates' warmup is {self.warmup}; expected a fraction from 0 to 1.")

    def steps(self, windows: int) -> int:
        """Updates of log α in all, for a training set of so many windows."""
        return max(1, round(self.epochs * math.ceil(windows / self.batch_size)))

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step counted from 0: up over the warm-up, then down to 0."""
        rising = math.ceil(self.warmup * steps)
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * (steps - step) / max(1, steps - rising)
