"""What a task must offer for models of it to be trained, scored and compared with a teacher. Loads torch."""

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from torch import Generator, Tensor

from prune.tasks.task import Task


class Learning(Protocol):
    """Losses are one number for each row, so that how rows are batched never matters.

    `outputs` are those of the model's class in transformers; `batch` holds what it read, attention_mask among it,
    and the labels, under the names of `prune.tasks.batch.Batch`. All are [batch, ...].
    """

    def label_losses(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """How far the outputs are from the labels: [batch]."""

    def teacher_losses(
        self,
        outputs: Mapping[str, Tensor],
        teacher_outputs: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
        *,
        temperature: float,
    ) -> Tensor:
        """How far the outputs are from a teacher's: [batch]. The labels play no part."""

    def drawn_labels(
        self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], generator: Generator
    ) -> dict[str, Tensor]:
        """Labels, under their names in `batch`, as likely as the outputs themselves say they are."""

    def are_right(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Whether what a row's outputs say is what its labels say: [batch], bool."""


def learning_of(task: Task) -> Learning:
    """How models of `task` learn."""
    return cast(Learning, import_module(task.learning))
