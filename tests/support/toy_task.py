"""A task that none of ours is: which of three moods a text is in, by transformers' own heads for it.

What a task has to say stands in TOY and in the functions that it names; nothing but this file and the registry knows
of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from prune.families.family import Family
from prune.search.agreement import Agreement
from prune.stock import teach_when_imported
from prune.tasks import TASKS
from prune.tasks.batch import Batch, Run
from prune.tasks.head import Head, HeadLinear
from prune.tasks.task import Task

MOODS = 3
_INNER = {
    "bert": HeadLinear("bert.pooler.dense", out="hidden", part="inner", activation="tanh"),
    "distilbert": HeadLinear("pre_classifier", out="hidden", part="inner", activation="relu"),
    "electra": HeadLinear("classifier.dense", out="hidden", part="inner", activation="gelu"),
}
_ROBERTAS = HeadLinear("classifier.dense", out="hidden", part="inner", activation="tanh")


def _head(family: Family) -> Head:
    inner = _INNER.get(family.model_type, _ROBERTAS)
    last = "classifier.out_proj" if inner.key == "classifier.dense" else "classifier"
    return Head("first token", (inner, HeadLinear(last, out="labels", part="moods")), ("logits",))


TOY = Task(
    name="mood",
    purpose="telling moods apart",
    model_class="ForSequenceClassification",
    head=_head,
    learning=__name__,
    own_answers=__name__,
)


@contextmanager
def registered(task: Task = TOY) -> Iterator[None]:
    """The toy is one of the tasks within."""
    if task not in _TAUGHT:
        teach_when_imported(tasks=[task])
        _TAUGHT.append(task)
    TASKS[task.name] = task
    try:
        yield
    finally:
        del TASKS[task.name]


_TAUGHT: list[Task] = []


def label_losses(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    return functional.cross_entropy(outputs["logits"], batch["labels"], reduction="none")


def teacher_losses(
    outputs: Mapping[str, Tensor],
    teacher_outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    *,
    temperature: float,
) -> Tensor:
    ours, theirs = (
        functional.log_softmax(each["logits"] / temperature, dim=-1) for each in (outputs, teacher_outputs)
    )
    return temperature**2 * ((theirs - ours) * theirs.exp()).sum(dim=-1)


def drawn_labels(
    outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], generator: torch.Generator
) -> dict[str, Tensor]:
    likely = functional.softmax(outputs["logits"].detach(), dim=-1)
    return {"labels": torch.multinomial(likely, 1, generator=generator)[:, 0]}


def are_right(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
    return outputs["logits"].argmax(dim=-1) == batch["labels"]


def with_moods(batch: dict[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """The same batch with a mood for each row."""
    generator = torch.Generator().manual_seed(seed)
    return batch | {"labels": torch.randint(MOODS, (len(batch["input_ids"]),), generator=generator)}


@dataclass(frozen=True)
class Text:
    """One text, and its mood where that is known."""

    tokens: tuple[int, ...]
    mood: int | None = None


def labelled(
    items: Sequence[Text], run: Run, tokenizer: Any, settings: Any, progress: Any = None
) -> list[Text]:
    """The same texts in the moods that the engine finds them in."""
    batches = (np.array([item.tokens]) for item in items)
    moods = [run(Batch(ids, np.ones_like(ids), None))["logits"].argmax() for ids in batches]
    return [replace(item, mood=int(mood)) for item, mood in zip(items, moods, strict=True)]


def agreement(reference: Sequence[Text], answered: Sequence[Text]) -> Agreement:
    same = np.array([ours.mood == theirs.mood for ours, theirs in zip(reference, answered, strict=True)])
    share = 100 * float(same.mean())
    return Agreement(share, share, share, len(same))


def nearly_constant(labelled: Sequence[Text]) -> str | None:
    return "all is one mood" if len({item.mood for item in labelled}) == 1 else None


def halves(items: Sequence[Text], seed: int) -> tuple[list[Text], list[Text]]:
    shuffled = np.random.default_rng(seed).permutation(len(items)).tolist()
    drawn = [items[place] for place in shuffled]
    return drawn[::2], drawn[1::2]


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts of random tokens in memory, the second of which says the mood."""

    rows: Sequence[NDArray[np.int64]]

    @classmethod
    def of(cls, count: int, *, vocab_size: int, longest: int = 12, seed: int = 0) -> Self:
        generator = np.random.default_rng(seed)
        rows = [generator.integers(9, vocab_size, generator.integers(3, longest + 1)) for _ in range(count)]
        for row in rows:
            row[1] = generator.integers(MOODS)
        return cls(rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.array([len(row) for row in self.rows], np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, indices: Any) -> Self:
        return type(self)([self.rows[index] for index in np.arange(len(self))[np.asarray(indices)]])

    def split(self, held_out_share: float, seed: int) -> tuple[Self, Self]:
        held_out = np.random.default_rng(seed).permutation(len(self)) < round(held_out_share * len(self))
        return self.select(~held_out), self.select(held_out)

    def batch(self, indices: Sequence[int] | NDArray[np.int64], pad_token_id: int) -> Batch:
        chosen = [self.rows[index] for index in indices]
        shape = len(chosen), max(map(len, chosen))
        ids, mask = np.full(shape, pad_token_id, np.int64), np.zeros(shape, np.int64)
        for place, row in enumerate(chosen):
            ids[place, : len(row)], mask[place, : len(row)] = row, 1
        moods = np.array([row[1] for row in chosen], np.int64)
        return Batch(ids, mask, None, {"labels": moods})
