"""Questions as they come, of unequal lengths, and the ways to put them together for an engine."""

import random
from collections.abc import Sequence

from answer.batching import batches_by_length
from bench.accuracy import settings_of, tokenizer_of
from bench.models import Model
from bench.spec import Traffic
from prune.errors import InputError
from prune.qa.squad import read_squad
from prune.qa.windows import Windower

QUESTIONS = 32
"""Drawn from the data set: what is served in one timed unit."""


def read_lengths(model: Model, data: str, *, count: int = QUESTIONS, seed: int = 0) -> list[list[int]]:
    """For each of `count` questions drawn from the SQuAD file `data`, its windows' lengths in tokens.

    Windows are cut as the model's decoding settings say. Raises InputError where it has no tokenizer, or the
    data cannot be read.
    """
    questions = read_squad(data, split="validation")
    questions = random.Random(seed).sample(questions, min(count, len(questions)))
    tokenizer, (settings, _) = tokenizer_of(model), settings_of(model)
    windower = Windower.of(
        tokenizer,
        max_length=settings.max_length,
        stride=settings.stride,
        max_question_length=settings.max_question_length,
    )
    lengths: list[list[int]] = [[] for _ in questions]
    for window in windower.windows(questions):
        lengths[window.question].append(len(window.input_ids))
    if not any(lengths):
        raise InputError(f"{data} holds no questions.")
    return lengths


def arrangements(lengths: Sequence[Sequence[int]], batch: int) -> list[Traffic]:
    """The three ways to serve windows of these lengths, by question, with at most `batch` rows in a call:

    every call as long as the longest window of all; as long as the longest in it; and sorted by length, so
    that few rows are padded, as `answer` does it (with as many tokens in a call as `batch` rows of the longest).
    """
    windows = [length for each in lengths for length in each]
    longest, questions = max(windows), len(lengths)
    in_turn = tuple(tuple(windows[at : at + batch]) for at in range(0, len(windows), batch))
    sorted_ = batches_by_length(windows, max_tokens=batch * longest)
    by_length = tuple(tuple(windows[index] for index in each) for each in sorted_)
    return [
        Traffic("padded to the longest of all", in_turn, longest, questions),
        Traffic("padded to the longest in the batch", in_turn, None, questions),
        Traffic("sorted by length", by_length, None, questions),
    ]
