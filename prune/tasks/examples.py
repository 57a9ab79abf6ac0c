"""What models are trained on: examples, cut into tokens, however they are kept."""

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from prune.tasks.batch import Batch, Ints


class Examples(Protocol):
    """A selection of examples; they need not be in memory."""

    @property
    def lengths(self) -> NDArray[np.integer[Any]]:
        """[examples]: tokens in each."""

    def __len__(self) -> int: ...

    def select(self, indices: Sequence[int] | Ints | NDArray[np.bool_]) -> Self:
        """The examples at `indices`, in that order, or those where a mask is true."""

    def split(self, held_out_share: float, seed: int) -> tuple[Self, Self]:
        """(the rest, about `held_out_share` of the examples); what belongs together, as by its text, is not parted."""

    def batch(self, indices: Sequence[int] | Ints, pad_token_id: int) -> Batch:
        """The examples at `indices`, padded to the longest of them, with their labels."""
