"""Natural Questions: what to train on and what to measure on, streamed from any set of files."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import Progress
from prune.tasks.question_answering.figures import Comparison
from prune.tasks.question_answering.natural_questions.compare import KINDS, compare, habit_of
from prune.tasks.question_answering.natural_questions.examine import NqAnswers, examine
from prune.tasks.question_answering.natural_questions.passages import read_passages
from prune.tasks.question_answering.natural_questions.shards import shards
from prune.tasks.question_answering.natural_questions.windows import (
    NULL_SHARE,
    kept_windows,
    training_windows,
)
from prune.tasks.question_answering.reading import Drawing, Reading
from prune.tasks.question_answering.refusal import Habit
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import Window
from trellis.errors import InputError, Parameter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MOST_TO_DIGEST = 1 << 30
"""Bytes of files that are read to tell them apart; of larger sets the names, sizes and dates must do."""


@dataclass(frozen=True)
class NqDocuments:
    """Annotated documents: `source` is a file, a directory or a pattern, see `shards`.

    Raises InputError where it names no files.
    """

    source: str

    def __post_init__(self) -> None:
        shards(self.source)

    @cached_property
    def fingerprint(self) -> str:
        """Names the files, see `fingerprint`."""
        return fingerprint(self.source)

    @property
    def num_questions(self) -> None:
        """Counting them would mean reading all files."""


@dataclass(frozen=True)
class NqTraining(NqDocuments):
    """Documents to train on."""

    null_share: float = NULL_SHARE
    """Of the windows without an answer, how many are trained on."""
    seed: int = 0
    """Decides which ones."""

    @cached_property
    def fingerprint(self) -> str:
        """Names the files, see `fingerprint`, and which windows without an answer are taken."""
        return f"{fingerprint(self.source)} {self.null_share} {self.seed}"

    @property
    def skipped(self) -> str:
        """Nothing is: what cannot be read is an error."""
        return ""

    def windows(
        self, tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
    ) -> Iterator[tuple[int, Window]]:
        """Every window to train on, each with the number of its document, see `training_windows`."""
        return training_windows(
            self.source, tokenizer, settings=settings, null_share=self.null_share, seed=self.seed
        )

    def sample(
        self, count: int, seed: int, tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
    ) -> list[Window]:
        """The windows to train on of `count` documents that have any, drawn at random; 0 is all of them.

        Which documents depends on the seed and their ids, not on how the set is divided into files or ordered.
        Raises InputError where `training_windows` does.
        """
        if not count:
            return [window for _, window in self.windows(tokenizer, settings)]
        drawn: list[tuple[bytes, list[Window]]] = []
        for passages in read_passages(self.source):
            keys = [_draw(seed, passage.gold.id) for passage in passages]
            near = [index for index, key in enumerate(keys) if len(drawn) < count or key < drawn[-1][0]]
            windows = kept_windows(
                [passages[index] for index in near],
                tokenizer,
                settings,
                null_share=self.null_share,
                seed=self.seed,
            )
            for index, of_one in groupby(windows, key=lambda window: window.question):
                drawn.append((keys[near[index]], list(of_one)))
            drawn = sorted(drawn, key=lambda one: one[0])[:count]
        return [replace(window, question=index) for index, (_, of) in enumerate(drawn) for window in of]


@dataclass(frozen=True)
class NqExam(NqDocuments):
    """Documents to measure on."""

    def ask(
        self,
        run: Run,
        tokenizer: "PreTrainedTokenizerBase",
        settings: DecodingSettings,
        progress: Progress | None = None,
    ) -> NqAnswers:
        """What the engine answers, with the annotations; `progress` counts bytes of the files."""
        return examine(self.source, tokenizer, run, settings=settings, progress=progress)

    def to_json(self, answers: NqAnswers) -> Any:
        """The predictions in the official form, the annotations beside them."""
        return answers.to_json()

    def from_json(self, data: Any) -> NqAnswers:
        """Inverse of `to_json`; raises InputError where something is wrong in `data`."""
        return NqAnswers.from_json(data)

    def questions_of(self, answers: NqAnswers) -> Iterator[str]:
        """The id of each: in all files of Natural Questions it is of one question."""
        return (gold.id for gold in answers.golds)

    def habit(self, answers: NqAnswers, null_threshold: float) -> Habit:
        """How the model that gave `answers` refuses at the threshold that it came with."""
        return habit_of(answers, null_threshold)

    def compare(
        self,
        before: NqAnswers,
        after: NqAnswers,
        habit: Habit,
        thresholds: tuple[float, float] | None = None,
    ) -> Comparison:
        """Score two models and what lies between them, see `natural_questions.compare.compare`."""
        return compare(before, after, habit, thresholds=thresholds)


def read_training(source: str, drawing: Drawing) -> NqTraining:
    """The documents to train on. Raises InputError where `source` names no files."""
    return NqTraining(source, drawing.null_share, drawing.seed)


def read_exam(sources: Sequence[str]) -> NqExam:
    """The documents to measure on. Raises InputError where more than one source is named, or it has no files."""
    if len(sources) > 1:
        raise InputError(
            "{} is given {} times, and with {} it is one set: a directory, or a pattern that names several files.",
            *(Parameter("dev"), len(sources), Parameter("task", "nq")),
        )
    return NqExam(sources[0])


NATURAL_QUESTIONS = Reading("nq", read_training, read_exam, KINDS)


def fingerprint(source: str) -> str:
    """A digest of what is in the files; of more than 1 GiB, of their names, sizes and dates of change."""
    digest = hashlib.sha256()
    try:
        sizes = [(path, path.stat()) for path in shards(source)]
        whole = sum(stat.st_size for _, stat in sizes) <= _MOST_TO_DIGEST
        for path, stat in sizes:
            if whole:
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            else:
                digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}.") from None
    return digest.hexdigest()


def _draw(seed: int, example_id: str) -> bytes:
    return hashlib.blake2b(f"{seed} {example_id}".encode()).digest()
