"""What is wanted of each method: groups of options, each of which refuses what contradicts itself."""

from dataclasses import dataclass
from typing import Annotated

from prune.methods.gate_settings import GateLoss, GateSettings
from prune.train.settings import TrainingSettings
from trellis.bounds import MOST_EPOCHS, MOST_RATE, MOST_WEIGHT, check_number, check_whole
from trellis.errors import InputError, Parameter
from trellis.options import Share, Value

Weight = Annotated[float, Value("X")]


@dataclass(frozen=True)
class L0:
    """Gates, of method l0.

    Raises InputError where a number is out of range.
    """

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
        for name in ("lambda_heads", "lambda_ffn"):
            if getattr(self, name) is not None:
                check_number(Parameter(name), getattr(self, name), 0, MOST_WEIGHT)
        if self.lambda_absolute and not self.is_weighted:
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
    def is_weighted(self) -> bool:
        """Whether λ is given for gates of either kind."""
        return self.lambda_heads is not None or self.lambda_ffn is not None

    def settings(self, training: TrainingSettings, seed: int) -> GateSettings:
        """How gates are trained: in the batches that the model itself is trained in."""
        return GateSettings(
            epochs=self.gate_epochs,
            batch_size=training.batch_size,
            micro_batch_size=training.micro_batch_size,
            learning_rate=self.gate_learning_rate,
            distill=self.gate_loss == "distill",
            temperature=training.temperature,
            seed=seed,
        )


@dataclass(frozen=True)
class Gain:
    """Scores, of method gain.

    Raises InputError where a number is out of range.
    """

    train_questions: int = 1000
    """Score units by this many questions of `train`, drawn at random; 0 is all of them."""

    def __post_init__(self) -> None:
        check_whole(Parameter("train_questions"), self.train_questions, 0)
