"""What a model reads of a document, and the way back from its characters to the document's tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prune.tasks.question_answering.answer import Progress
from prune.tasks.question_answering.natural_questions.answers import Gold, Span
from prune.tasks.question_answering.natural_questions.documents import Document, read_documents
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import Window, Windower

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_DOCUMENTS, _CHARACTERS = 64, 1 << 20
"""At most so many documents, and about so much text, are in memory at once."""


@dataclass(frozen=True, eq=False)
class Passage:
    """The words of a document's top-level candidates, in the document's order, joined by spaces."""

    question: Question
    """Its context is the passage. Its answer is what to train on, see `passage_of`."""
    gold: Gold
    candidates: tuple[Span, ...]
    """The top-level ones, in the file's order."""
    tokens: NDArray[np.int64]
    """[words]: which token of the document each word of the context is."""
    starts: NDArray[np.int64]
    """[words]: the character of the context at which each one starts."""

    def span(self, start: int, end: int) -> Span:
        """The tokens of the document that the characters [start, end) of the context, not empty, touch."""
        first, last = np.searchsorted(self.starts, [start, end - 1], side="right") - 1
        return Span(int(self.tokens[first]), int(self.tokens[last]) + 1)

    def long_answer(self, span: Span) -> Span | None:
        """The first top-level candidate that holds all of `span`, as Google's bert_joint decodes."""
        holding = (one for one in self.candidates if one.start <= span.start and span.end <= one.end)
        return next(holding, None)


def passage_of(document: Document) -> Passage:
    """What to read of `document`, and what to train on.

    That is the first short answer of the first annotation that has one; where none has, all of the first
    long answer, also where the annotators said yes or no. Of a short answer in several pieces it is the
    first piece: a model that gives one span can give no more.
    """
    candidates = tuple(Span(one.start, one.end) for one in document.candidates if one.top_level)
    inside = np.zeros(len(document.tokens), np.bool_)
    for candidate in candidates:
        inside[candidate.start : candidate.end] = True
    (read,) = np.nonzero(inside & ~document.is_html)
    tokens = np.array([token for token in read.tolist() if document.tokens[token].strip()], np.int64)
    words = [document.tokens[token] for token in tokens]
    lengths = np.array([len(word) for word in words], np.int64)
    starts = np.cumsum(lengths + 1) - lengths - 1
    context = " ".join(words)
    answers: tuple[Answer, ...] = ()
    if wanted := _wanted(document):
        (within,) = np.nonzero((wanted.start <= tokens) & (tokens < wanted.end))
        if len(within):
            start, end = int(starts[within[0]]), int(starts[within[-1]] + lengths[within[-1]])
            answers = (Answer(context[start:end], start),)
    return Passage(
        Question(document.id, document.question, context, answers),
        Gold(document.id, document.annotations),
        candidates,
        tokens,
        starts,
    )


def read_passages(source: str, progress: Progress | None = None) -> Iterator[list[Passage]]:
    """The passages of `read_documents`, in lists of up to 64, shorter where the text is long."""
    passages: list[Passage] = []
    characters = 0
    for document in read_documents(source, progress):
        passages.append(passage_of(document))
        characters += len(passages[-1].question.context)
        if len(passages) == _DOCUMENTS or characters >= _CHARACTERS:
            yield passages
            passages, characters = [], 0
    if passages:
        yield passages


def windows_of(
    passages: Sequence[Passage], tokenizer: "PreTrainedTokenizerBase", settings: DecodingSettings
) -> Iterator[Window]:
    """The windows of `passages`, in their order; raises InputError where `make_windows` does."""
    windower = Windower.of(
        tokenizer,
        **settings.cutting,
    )
    return windower.each(passage.question for passage in passages)


def _wanted(document: Document) -> Span | None:
    short = (one.short[0] for one in document.annotations if one.short)
    long = (one.long for one in document.annotations if one.long)
    return next(short, None) or next(long, None)
