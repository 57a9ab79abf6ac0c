"""What can be chosen when a model is opened to be asked: groups of options, each of which refuses what cannot be.

The text under a field is what `answer --help` says of it.
"""

from dataclasses import dataclass
from typing import Annotated

from answer.batching import MAX_BATCH_TOKENS, MAX_PADDING
from export.target import CpuRuntime
from prune.tasks.question_answering.settings import ALWAYS_ANSWER
from trellis.bounds import MOST_LOGIT, MOST_THREADS, check_choices, check_number, check_whole
from trellis.errors import InputError, Parameter
from trellis.options import Unset, Value


@dataclass(frozen=True)
class Refusal:
    """When a question is refused."""

    null_threshold: Annotated[float | None, Value("X"), Unset("the model's")] = None
    """Refuse where "no answer" scores so much more than the best span, in logits."""
    never_refuse: bool = False
    """Give the best guess always."""

    def __post_init__(self) -> None:
        threshold, never = Parameter("null_threshold"), Parameter("never_refuse")
        if self.never_refuse and self.null_threshold is not None:
            raise InputError("{} and {} contradict each other; give one of them.", never, threshold)
        if self.null_threshold is not None:
            check_number(threshold, self.null_threshold, -MOST_LOGIT, MOST_LOGIT)

    @property
    def threshold(self) -> float | None:
        """The null threshold to use; None is the model's own."""
        return ALWAYS_ANSWER if self.never_refuse else self.null_threshold


@dataclass(frozen=True)
class Engine:
    """What runs the model."""

    runtime: Annotated[CpuRuntime | None, Unset("what the file was written for")] = None
    """Run the file on this runtime."""
    threads: Annotated[int | None, Unset("all physical cores")] = None
    """Compute with this many threads."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.threads is not None:
            check_whole(Parameter("threads"), self.threads, 1, MOST_THREADS)


@dataclass(frozen=True)
class Batching:
    """Which windows are run together."""

    max_batch_tokens: Annotated[int, Value("N")] = MAX_BATCH_TOKENS
    """Run at most this many tokens at once: the memory that a batch takes grows with them."""
    max_padding: float = MAX_PADDING
    """Share of a row that may be padding; what is shorter comes into a batch of its own."""

    def __post_init__(self) -> None:
        check_whole(Parameter("max_batch_tokens"), self.max_batch_tokens, 1)
        if not 0 <= self.max_padding < 1:
            raise InputError(
                "{} is {!r}; expected a share, from 0 to below 1.", Parameter("max_padding"), self.max_padding
            )
