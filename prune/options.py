"""What is wanted of a cut: groups of options, each of which refuses what contradicts itself. Importing this is light.

The text under a field is what `prune-export --help` says of it.
"""

from dataclasses import dataclass
from typing import Annotated

from prune.tasks.question_answering.reading import ReadingName
from trellis.bounds import MOST_EPOCHS, check_choices, check_number, check_whole
from trellis.errors import InputError, Parameter
from trellis.options import Epochs, File, Share, Unset, Value

_AMOUNTS = ("prune_heads", "prune_ffn", "shape", "plan")
_SHORTEST = 16
"""Tokens of a window: with fewer, special tokens and a few of the question leave the context next to none."""


@dataclass(frozen=True)
class Amount:
    """How much goes.

    Where nothing says so, the model's own answers decide: it is cut as far as `min_agreement` allows. Raises
    InputError where a number is out of range, or two wishes contradict each other.
    """

    prune_heads: Share | None = None
    """Remove this share of all heads, such as 50% or 0.5; it must be below 1."""
    prune_ffn: Share | None = None
    """Remove this share of all feed-forward activations; it must be below 1."""
    shape: File | None = None
    """Cut to the sizes that this JSON says, layer by layer: {"num_heads": [...], "intermediate_size": [...]}."""
    plan: File | None = None
    """Keep the very units that another run kept: the file is what that run wrote with `json_file`."""
    no_prune: bool = False
    """Cut nothing."""
    min_agreement: float = 90.0
    """Where no amount is given, cut as far as the answers keep this mean token F1, in percent, with the uncut
    model's."""
    multiple_of: Annotated[int | None, Unset("1; 8 with no amount given")] = None
    """Round feed-forward widths up to a multiple of this number."""

    def __post_init__(self) -> None:
        for name in ("prune_heads", "prune_ffn"):
            fraction = getattr(self, name)
            if fraction is not None and not 0 <= fraction < 1:
                raise InputError(
                    "{} is {:g}; expected a fraction of at least 0 and below 1, such as 50% or 0.5.",
                    Parameter(name),
                    fraction,
                )
        self._check_ways()
        if 0 < self.min_agreement <= 1:
            raise InputError(
                "{} is {:g}, less than any cut comes to; it is in percent: give {:g}.",
                Parameter("min_agreement"),
                self.min_agreement,
                100 * self.min_agreement,
            )
        if not 0 <= self.min_agreement <= 100:
            raise InputError(
                "{} is {:g}; expected a percentage from 0 to 100.",
                Parameter("min_agreement"),
                self.min_agreement,
            )
        if self.multiple_of is not None:
            check_whole(Parameter("multiple_of"), self.multiple_of, 1)

    def _check_ways(self) -> None:
        """Raise InputError where more than one way to an amount is given."""
        given = [name for name in _AMOUNTS if getattr(self, name) is not None]
        pairs = [
            (name, other) for name in ("shape", "plan") for other in given if name in given and other != name
        ]
        for first, second in pairs:
            raise InputError(
                "{} and {} both say how much to remove; give one of them.",
                Parameter(first),
                Parameter(second),
            )
        if self.no_prune and given:
            raise InputError(
                "{} and {} contradict each other; give one of them.",
                Parameter("no_prune"),
                Parameter(given[-1]),
            )

    @property
    def is_given(self) -> bool:
        """Whether it is said how much to remove; otherwise the model's own answers decide."""
        return any(getattr(self, name) is not None for name in _AMOUNTS)


@dataclass(frozen=True)
class Data:
    """Data.

    Raises InputError where a number is out of range.
    """

    task: ReadingName = "squad"
    """Read `train` and `dev` in this form: SQuAD JSON, or Natural Questions (nq)."""
    train: Annotated[str | None, Value("FILE|ID")] = None
    """Score units by these annotated questions, and train on them."""
    train_length: Annotated[int | None, Unset("as for answering: 384")] = None
    """Train on windows of this many tokens."""
    null_share: Share = 0.02
    """With `task` nq, train on this share of the windows that hold no answer."""
    dev: Annotated[tuple[str, ...], Value("FILE|ID")] = ()
    """Measure on these annotated questions what was lost, and fit the null threshold to them; may be given several
    times."""
    calibration: Annotated[str | None, Value("FILE")] = None
    """Where no amount is given, ask the model these questions (SQuAD JSON) in place of the built-in ones."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.train_length is not None:
            check_whole(Parameter("train_length"), self.train_length, _SHORTEST)
        if not 0 <= self.null_share <= 1:
            raise InputError(
                "{} is {:g}; expected a fraction from 0 to 1.", Parameter("null_share"), self.null_share
            )


@dataclass(frozen=True)
class Training:
    """Training after the cut.

    Raises InputError where two wishes contradict each other.
    """

    retrain: Epochs | None = None
    """Train the cut model on the annotated answers, this many times over them."""
    distill: Epochs | None = None
    """Have the cut model learn the uncut model's logits, this many times over the training data."""
    teacher: Annotated[str | None, Value("MODEL"), Unset("the uncut one")] = None
    """Learn from this model instead."""

    def __post_init__(self) -> None:
        for name in ("retrain", "distill"):
            if getattr(self, name) is not None:
                check_number(Parameter(name), getattr(self, name), 0, MOST_EPOCHS, above=True)
        if self.retrain is not None and self.distill is not None:
            raise InputError(
                "{} and {} are two ways to go on training; give one of them.",
                *(Parameter("retrain"), Parameter("distill")),
            )
        if self.teacher and self.distill is None:
            raise InputError(
                "{} is whom {} learns from; say for how many epochs: {}.",
                *(Parameter("teacher"), Parameter("distill"), Parameter("distill", 1)),
            )

    @property
    def is_wanted(self) -> bool:
        """Whether the model goes on training after the cut."""
        return self.epochs is not None

    @property
    def epochs(self) -> float | None:
        """Times over the training data; None where the model is not trained."""
        return self.retrain if self.distill is None else self.distill
