"""Stored windows as the tensors of batches; for training, in the order of all epochs at once.

A whole run is one long pass, so that going on in the middle is only a matter of where in it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from prune.tasks.batch import Batch
from prune.tasks.examples import Examples
from prune.train.order import epoch_order

COUNT = "windows_in_batch"
"""[batch]: windows in the whole batch of a step; 0 for a row that only fills the last one of an epoch."""


class StoredRows(Dataset[dict[str, Tensor]]):
    """Each window once, as it comes."""

    def __init__(self, windows: Examples, pad_token_id: int) -> None:
        self._windows = windows
        self._pad_token_id = pad_token_id

    def __len__(self) -> int:
        return len(self._windows)

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """A model's inputs with the labels, padded."""
        return _tensors(self._windows.batch(indices, self._pad_token_id))


class TrainingRows(Dataset[dict[str, Tensor]]):
    """What a run of training sees, from its first step to its last: `batch_size` rows for each."""

    def __init__(
        self, windows: Examples, pad_token_id: int, *, batch_size: int, steps: int, seed: int
    ) -> None:
        self._windows = windows
        self._pad_token_id = pad_token_id
        self._batch_size = batch_size
        self._steps = steps
        self._seed = seed
        self._epoch, self._order = -1, epoch_order(windows.lengths[:0], batch_size, seed=seed, epoch=0)

    def __len__(self) -> int:
        return self._steps * self._batch_size

    def __getitems__(self, places: Sequence[int]) -> dict[str, Tensor]:
        """As StoredRows, with COUNT."""
        indices, counts = zip(*map(self._row, places), strict=True)
        return _tensors(self._windows.batch(indices, self._pad_token_id)) | {COUNT: torch.tensor(counts)}

    def _row(self, place: int) -> tuple[int, int]:
        """(window, windows in its batch). The last batch of an epoch is filled up with its first window."""
        size, number = self._batch_size, len(self._windows)
        epoch, place = divmod(place, -(-number // size) * size)
        if epoch != self._epoch:
            order = epoch_order(self._windows.lengths, size, seed=self._seed, epoch=epoch)
            self._epoch, self._order = epoch, order
        begin = place // size * size
        is_filling = place >= number
        count = 0 if is_filling else min(size, number - begin)
        return int(self._order[begin if is_filling else place]), count


def _tensors(batch: Batch) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in (batch.inputs() | batch.labels).items()}
