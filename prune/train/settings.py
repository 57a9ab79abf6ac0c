"""How a model goes on training; everything has a value that is usual for the task."""

from dataclasses import dataclass
from typing import Literal

from trellis.bounds import (
    LEAST_TEMPERATURE,
    MOST,
    MOST_EPOCHS,
    MOST_RATE,
    MOST_SEED,
    MOST_STEP,
    MOST_WEIGHT,
    check_number,
    check_whole,
)
from trellis.errors import InputError

Precision = Literal["auto", "no", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one run of continued training. Raises InputError, naming the setting, for nonsense."""

    epochs: float = 1.0
    learning_rate: float = 3e-5
    """At its peak, from which it falls to 0 in a straight line."""
    batch_size: int = 24
    """Windows in one step, over all ranks and all of accumulation."""
    micro_batch_size: int | None = None
    """Windows that one device takes at once, gradients being accumulated; None: its whole share of a batch."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises to its peak."""
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    """Longer gradients are cut to this length, over all weights together; 0 cuts none."""
    temperature: float = 2.0
    """Of both models' answers, where there is a teacher."""
    task_weight: float = 0.0
    """Share of the annotated answers in the loss, where there is a teacher; the rest is the teacher's."""
    hidden_weight: float = 0.0
    """Of the distance to the teacher's hidden states, added to the loss."""
    held_out: float = 0.02
    """Share of the contexts that is not trained on, but tells which weights were best; 0: the last are."""
    evaluate_every: float | None = None
    """Epochs from one look at the held-out windows to the next; None: 1. There is one at the end as well."""
    patience: int | None = None
    """Looks without a better one after which training stops; None: it never does before its end."""
    save_every: float | None = 0.05
    """Epochs from one checkpoint to the next: what a kill may cost. None: only where held-out windows are
    looked at, and at the end."""
    dropout: float | None = None
    """In place of all rates that the model has; None: those. 0 is much faster on a CPU."""
    mixed_precision: Precision = "auto"
    """auto: bfloat16 where the device computes in it, else float16 on a GPU, else none."""
    seed: int = 0

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
                check_number(name, value, low, high, above=name in _ABOVE_ZERO)
        check_number("temperature", self.temperature, LEAST_TEMPERATURE, MOST_RATE)
        for name, least, most in (
            ("batch_size", 1, MOST_STEP),
            ("micro_batch_size", 1, MOST_STEP),
            ("patience", 1, MOST),
            ("seed", 0, MOST_SEED),
        ):
            value = getattr(self, name)
            if not (value is None and name in _OPTIONAL):
                check_whole(name, value, least, most)
        if self.mixed_precision not in ("auto", "no", "bf16", "fp16"):
            raise InputError(f"mixed_precision is {self.mixed_precision!r}; expected auto, no, bf16 or fp16.")
        if self.patience is not None and not self.held_out:
            raise InputError("patience needs windows to look at; set held_out above 0, or leave it out.")

    def accumulation(self, num_ranks: int) -> tuple[int, int]:
        """(windows that a device takes at once, how often in one step), their product a rank's share.

        Raises InputError where the sizes do not divide.
        """
        share, left = divmod(self.batch_size, num_ranks)
        if left:
            raise InputError(
                f"A batch of {self.batch_size} windows cannot be shared by {num_ranks} processes alike; "
                "set batch_size to a multiple of their number."
            )
        micro = self.micro_batch_size or share
        if share % micro:
            raise InputError(
                f"micro_batch_size is {micro}, which does not divide the {share} windows of a batch that "
                "each process takes; set one that does."
            )
        return micro, share // micro


_OPTIONAL = {"micro_batch_size", "evaluate_every", "patience", "save_every", "dropout"}
_ABOVE_ZERO = {"epochs", "temperature", "evaluate_every", "save_every"}
