"""Windows to train on: those that hold the answer, and a few of the many that do not."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING

from prune.tasks.question_answering.natural_questions.passages import Passage, read_passages, windows_of
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import NULL_POSITION, Window
from trellis.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NULL_SHARE = 0.02
"""Of the windows without an answer, as in Google's bert_joint."""


def training_windows(
    source: str,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    settings: DecodingSettings,
    null_share: float = NULL_SHARE,
    seed: int = 0,
) -> Iterator[tuple[int, Window]]:
    """Yield (document, window) for the windows of `source` to train on; memory does not grow with it.

    Every window is there that holds all of what `passage_of` wants; of the others each is kept with
    probability `null_share`. Which ones depends on the seed, the document's id and the window's place in it,
    not on how the set is divided into files or ordered. The document is the signed 64-bit `group_of` its id;
    `Window.question` counts the documents. Raises InputError for a document without annotations, and where
    `read_documents` or `make_windows` does.
    """
    before = 0
    for passages in read_passages(source):
        for window in kept_windows(passages, tokenizer, settings, null_share=null_share, seed=seed):
            name = passages[window.question].gold.id
            yield group_of(name), replace(window, question=before + window.question)
        before += len(passages)


def kept_windows(
    passages: Sequence[Passage],
    tokenizer: "PreTrainedTokenizerBase",
    settings: DecodingSettings,
    *,
    null_share: float,
    seed: int,
) -> Iterator[Window]:
    """The windows of `passages` to train on, see `training_windows`."""
    if not 0 <= null_share <= 1:
        raise InputError(f"The share of windows without an answer is {null_share}; expected 0 to 1.")
    for passage in passages:
        if not passage.gold.annotations:
            raise InputError(
                f"Question {passage.gold.id} has no annotations; train on a set that was annotated."
            )
    windows = windows_of(passages, tokenizer, settings)
    for index, of_one in groupby(windows, key=lambda window: window.question):
        name = passages[index].gold.id
        for place, window in enumerate(of_one):
            has_answer = window.end_position != NULL_POSITION
            if has_answer or _fraction(f"{seed} {place} {name}") < null_share:
                yield window


def group_of(example_id: str) -> int:
    """A signed 64-bit number that stands for the document."""
    return int.from_bytes(_digest(example_id), "big", signed=True)


def _fraction(text: str) -> float:
    """A number in [0, 1) that looks drawn at random."""
    return (int.from_bytes(_digest(text), "big") >> 11) / (1 << 53)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
