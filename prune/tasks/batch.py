"""What a model reads and what it gives, by name, whatever runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""What encoders read, the last one only where there is a choice of types."""

Ints = NDArray[np.int64]

Outputs = Mapping[str, NDArray[np.floating]]
"""What comes out of a model, by the names that its task's head gives it; see `prune.tasks.head`."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of tokens, padded to the longest of them: [batch, longest], int64."""

    input_ids: Ints
    attention_mask: Ints
    token_type_ids: Ints | None
    labels: dict[str, NDArray[Any]] = field(default_factory=dict)
    """What each row should give, for training, under the names that transformers has for it: [batch, ...]."""

    def inputs(self) -> dict[str, Ints]:
        """What a model reads, under the names that transformers and the exported graph give it."""
        named = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return named if self.token_type_ids is None else {**named, "token_type_ids": self.token_type_ids}


Run = Callable[[Batch], Outputs]
"""An engine: one batch in, all outputs of the model out."""
