"""Questions as they come, of unequal lengths, and the ways to put them together for an engine."""

import random
import time
from collections.abc import Sequence
from itertools import accumulate

from answer.batching import batches_by_length
from bench.accuracy import settings_of, tokenizer_of
from bench.measure.engine_process import EngineProcess, TimeUpError
from bench.models import Model
from bench.workload import Effort, Traffic, Workload
from export.runtimes.engine_spec import EngineSpec
from prune.tasks.question_answering.squad.reading import read_squad
from prune.tasks.question_answering.windows import Windower
from trellis.errors import InputError, Parameter

QUESTIONS = 32
"""Drawn from the data set: what is served in one timed unit."""
FEWEST = 4
"""Questions with which arranging them still makes a difference."""
ARRANGEMENTS = 3
UNITS, FEW_LAUNCHES = 12, 3
"""How often both engines together serve all questions in a launch of one block, its warm-up included; and launches that
the time should do for."""


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


def affordable(lengths: Sequence[Sequence[int]], engine: EngineSpec, effort: Effort) -> int:
    """How many of the questions whose windows have these `lengths` fit into the time of `effort`, FEWEST at least.

    `engine`, the slower one, is started and serves one window as long as the longest of all. Raises InputError where
    that alone takes all the time.
    """
    longest = max(length for each in lengths for length in each)
    began = time.monotonic()
    try:
        with EngineProcess(engine, "baseline", deadline=began + effort.seconds) as worker:
            loading = time.monotonic() - began
            window = min(worker.prepare(Workload(1, longest)))
    except TimeUpError:
        raise InputError(
            "{} was over before an engine had started and served one window of {} tokens; give more time.",
            *(Parameter("max_time", effort.seconds), longest),
        ) from None
    return questions_within(effort, 2 * loading / ARRANGEMENTS, window, [len(each) for each in lengths])


def questions_within(effort: Effort, loading: float, window: float, windows: Sequence[int]) -> int:
    """How many of the questions that have so many `windows` each can be served within `effort`, FEWEST at least.

    A launch at one operating point takes `loading` seconds and UNITS times all windows of `window` seconds.
    """
    spare = effort.seconds / FEW_LAUNCHES - loading
    served = int(spare / (UNITS * window))
    within = sum(total <= served for total in accumulate(windows))
    return min(len(windows), max(FEWEST, within))


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
