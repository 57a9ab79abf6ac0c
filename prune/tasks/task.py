"""What is special to one task of encoders: what the folder of a task says of it.

Strings and numbers only, no torch: the graph writers and the light commands read it as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

from prune.families.family import Family
from prune.tasks.head import Head
from trellis.errors import InputError


@dataclass(frozen=True)
class Task:
    """What a model is fine-tuned to do, and what of it stands on the encoder."""

    name: str
    """As files call it: "question-answering"."""
    purpose: str
    """In words, after "fine-tuned for"."""
    model_class: str
    """What the names of its classes in transformers end with: "ForQuestionAnswering"."""
    head: Callable[[Family], Head]
    """What stands on an encoder of that family."""
    learning: str
    """The module that says what its models learn by; see `prune.tasks.learning`. It may load torch."""
    own_answers: str = ""
    """The module that makes labels of its models' own answers; see `prune.tasks.own_answers`. Empty: there is none, and
    a cut needs to be told its amount."""
    labels: tuple[str, ...] = ()
    """What a model tells apart, where that is always the same; else its config says how many labels there are."""

    def class_in(self, family: Family) -> str:
        """Name of the class in transformers."""
        return f"{family.classes}{self.model_class}"

    def check_same(self, other: "Task", model: object) -> None:
        """Raise InputError where `model`, which is of the task `other`, is not of this one."""
        if other is not self:
            raise InputError(
                f"The model {model} is for {other.purpose}; give one for {self.purpose} (...{self.model_class})."
            )

    def check_labels(self, number: object) -> None:
        """Raise InputError where a model that tells so many labels apart cannot be of this task."""
        if self.labels and number != len(self.labels):
            raise InputError(
                f"The model tells {number} labels apart; {self.purpose} takes {len(self.labels)}: "
                f"{' and '.join(self.labels)}."
            )
