"""How a model goes on training; everything has a value that is usual for the task."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trellis.bounds import (
    LEAST_TEMPERATURE,
    MOST,
    MOST_EPOCHS,
    MOST_RATE,
    MOST_SEED,
    MOST_STEP,
    MOST_WEIGHT,
    check_choices,
    check_number,
    check_whole,
)
from trellis.errors import InputError, Parameter
from trellis.options import Share, Unset, Value

Precision = Literal["auto", "no", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainingSettings:
    """How the model is trained.

    Raises InputError, naming the setting, for nonsense.
    """

    epochs: float = 1.0
    """Train this many times over the data."""
    learning_rate: float = 3e-5
    """Train at this rate at its peak, from which it falls to 0 in a straight line."""
    batch_size: int = 24
    """Take this many windows in one step, over all processes together; gates are trained by it, too."""
    micro_batch_size: Annotated[int | None, Unset("all of a batch")] = None
    """Have one device take this many windows at once, where memory is short, and add up their gradients."""
    warmup: float = 0.1
    """Let the learning rate rise to its peak in this share of the steps."""
    weight_decay: float = 0.01
    """Let weights decay by this."""
    max_grad_norm: float = 1.0
    """Cut longer gradients to this length, over all weights together; 0 cuts none."""
    temperature: float = 2.0
    """Divide both models' logits by this before they are held against each other."""
    task_weight: Share = 0.0
    """Give the annotated answers this share of the loss of `distill`; the rest is the teacher's."""
    hidden_weight: Annotated[float, Value("X")] = 0.0
    """Add the distance to the teacher's hidden states, layer by layer, to the loss of `distill`, times this weight."""
    held_out: Share = 0.02
    """Keep this share of the contexts from training, and tell by them which weights were best; with 0 the last are."""
    evaluate_every: Annotated[float | None, Value("EPOCHS"), Unset("1")] = None
    """Look at the held-out windows once in this many epochs, and at the end."""
    patience: int | None = None
    """Stop after this many looks without a better one."""
    save_every: float | None = 0.05
    """Write a checkpoint once in this many epochs, which is what a kill may cost; None: only where held-out windows
    are looked at, and at the end."""
    dropout: Share | None = None
    """Train with this rate in place of all rates of the model's own; 0 is much faster on a CPU."""
    mixed_precision: Precision = "auto"
    """Compute in this. auto is bf16 where the device computes in it, else fp16 on a GPU, else no."""
    seed: int = 0
    """Draw with this whatever is drawn at random."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 0.0, MOST_EPOCHS),
            ("learning_rate", 0.0, MOST_RATE),
            ("warmup", 0.0, 1.0),
            ("weight_decay", 0.0, MOST_RATE),
            ("max_grad_norm", 0.0, MOST_WEIGHT),
            ("temperature", 0.0, MOST_RATE),
            ("task_weight", 0.0, 1.0),
            ("hidden_weight", 0.0, MOST_WEIGHT),
            ("held_out", 0.0, 0.5),
            ("evaluate_every", 0.0, MOST_EPOCHS),
            ("save_every", 0.0, MOST_EPOCHS),
            ("dropout", 0.0, 0.9),
        ):
            value = getattr(self, name)
            if not (value is None and name in _OPTIONAL):
                check_number(Parameter(name), value, low, high, above=name in _ABOVE_ZERO)
        check_number(Parameter("temperature"), self.temperature, LEAST_TEMPERATURE, MOST_RATE)
        for name, least, most in (
            ("batch_size", 1, MOST_STEP),
            ("micro_batch_size", 1, MOST_STEP),
            ("patience", 1, MOST),
            ("seed", 0, MOST_SEED),
        ):
            value = getattr(self, name)
            if not (value is None and name in _OPTIONAL):
                check_whole(Parameter(name), value, least, most)
        check_choices(self)
        if self.patience is not None and not self.held_out:
            raise InputError(
                "{} needs windows to look at; set {} above 0, or leave it out.",
                Parameter("patience"),
                Parameter("held_out"),
            )

    def accumulation(self, num_ranks: int) -> tuple[int, int]:
        """(windows that a device takes at once, how often in one step), their product a rank's share.

        Raises InputError where the sizes do not divide.
        """
        share, left = divmod(self.batch_size, num_ranks)
        if left:
            raise InputError(
                "A batch of {} windows cannot be shared by {} processes alike; set {} to a multiple of their number.",
                *(self.batch_size, num_ranks, Parameter("batch_size")),
            )
        micro = self.micro_batch_size or share
        if share % micro:
            raise InputError(
                "{} is {}, which does not divide the {} windows of a batch that each process takes; set one that "
                "does.",
                *(Parameter("micro_batch_size"), micro, share),
            )
        return micro, share // micro


_OPTIONAL = {"micro_batch_size", "evaluate_every", "patience", "save_every", "dropout"}
_ABOVE_ZERO = {"epochs", "temperature", "evaluate_every", "save_every"}
