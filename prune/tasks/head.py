"""What stands on an encoder: what it reads of it, through which weights, and what comes out, by name.

Strings and numbers only, no torch: loading checks a checkpoint by it, costs are counted by it, and
export/graph/head.py writes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

ANSWER = "answer"
"""What a head is called within a model: its weights, and its nodes in a graph, stand under this name."""

Activation = Literal["gelu", "relu", "tanh"]

Size = TypeVar("Size", int, str)


@dataclass(frozen=True)
class HeadLinear:
    """A Linear with a bias, and what follows it."""

    key: str
    """Path in the model of transformers."""
    out: Literal["hidden", "labels"]
    """How many numbers it gives."""
    part: str = ""
    """Tells it from the others of its head; empty where it is the only one."""
    activation: Activation | None = None

    @property
    def name(self) -> str:
        """Ours, such as "answer/pooler"."""
        return f"{ANSWER}/{self.part}" if self.part else ANSWER

    def out_features(self, hidden_size: int, num_labels: int) -> int:
        """How many numbers it gives, in a model of these sizes; what it reads is always as wide as the hidden state."""
        return hidden_size if self.out == "hidden" else num_labels


@dataclass(frozen=True)
class Head:
    """One Linear after another, over the hidden state of each token or of the first one alone."""

    reads: Literal["tokens", "first token"]
    linears: Sequence[HeadLinear]
    """In the order of computation; the last one gives the labels."""
    outputs: tuple[str, ...]
    """Names of what comes out, in transformers and in a graph: one with all labels, or one for each label."""

    def output_shape(self, batch: Size, sequence: Size, num_labels: int) -> tuple[Size | int, ...]:
        """Of each output, for inputs of [batch, sequence]: numbers, or names."""
        shape: list[Size | int] = [batch, sequence] if self.reads == "tokens" else [batch]
        if len(self.outputs) == 1:
            shape.append(num_labels)
        return tuple(shape)
