"""What a task must offer so that a model's own answers can stand for labels: a search then needs none of the user's."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from prune.search.agreement import Agreement
from prune.tasks.batch import Run
from prune.tasks.task import Task
from trellis.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Item = TypeVar("Item")
"""What a model is asked: of question answering a `Question`."""


class OwnAnswers(Protocol[Item]):
    """Items with labels or without, which need not be known."""

    def labelled(
        self,
        items: Sequence[Item],
        run: Run,
        tokenizer: "PreTrainedTokenizerBase",
        settings: Any,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Item]:
        """The same items with what the engine says as their only label. `settings` are the model's own."""

    def agreement(self, reference: Sequence[Item], answered: Sequence[Item]) -> Agreement:
        """How far the labels of the same items, in the same order, agree."""

    def nearly_constant(self, labelled: Sequence[Item]) -> str | None:
        """Why these labels say nothing about what their model needs, if they do not: all but a few are the same."""

    def halves(self, items: Sequence[Item], seed: int) -> tuple[list[Item], list[Item]]:
        """Two halves that share no text, drawn at random. Raises InputError where there are too few for that."""


def own_answers_of(task: Task) -> OwnAnswers[Any]:
    """How own answers of the models of `task` become labels. Raises InputError where they do not."""
    if not task.own_answers:
        raise InputError(
            f"How much to cut cannot be told from the answers of a model for {task.purpose}; say how much is to go."
        )
    return cast(OwnAnswers[Any], import_module(task.own_answers))
