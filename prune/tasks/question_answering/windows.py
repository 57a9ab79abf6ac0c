"""Questions and contexts as windows of tokens: what a model reads, and where each token came from."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prune.tasks.batch import Batch
from prune.tasks.question_answering.library_faults import FAILS_ON_TEXT, library_faults
from prune.tasks.question_answering.pieces import PIECE, pieces
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import NULL_POSITION as NULL_POSITION
from prune.tasks.question_answering.reader import AnyTokenizer, Reader, reader_of
from prune.tasks.question_answering.visible import Visible
from trellis.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_CHUNK, _CHUNK_CHARACTERS = 256, 1 << 19  # questions encoded at once, and about so much of their text
_LONG = 4 * PIECE  # characters of a context that is read in pieces


@dataclass(frozen=True, eq=False)
class Window:
    """One question with one stretch of its context, tokenised, without padding."""

    question: int
    """Index of the question in the list that was windowed."""
    input_ids: NDArray[np.int32]
    """[length]"""
    token_type_ids: NDArray[np.int32] | None
    """[length]: 1 for the context and what follows it; None where the tokenizer has none."""
    offsets: NDArray[np.int32]
    """[length, 2]: the characters [start, end) of the context that the token stands for, in whole grapheme
    clusters and without surrounding white space; (-1, -1) for special tokens, the question, and tokens of white
    space alone."""
    start_position: int
    """Token at which the first annotated answer starts; NULL_POSITION where it is not wholly in here."""
    end_position: int
    """Its last token, inclusive."""
    is_last: bool = False
    """Whether it is known that no window of this context follows."""


def make_windows(
    questions: Sequence[Question],
    tokenizer: AnyTokenizer,
    *,
    max_length: int = 384,
    stride: int = 128,
    max_question_length: int = 64,
) -> list[Window]:
    """Cut each context into windows of at most `max_length` tokens, neighbours sharing `stride` of them.

    The windows come in the order of the questions and, for one question, of the context; each question has
    at least one. Questions are cut to `max_question_length` tokens. Texts that look like special tokens are
    read as text; additional ones, which only stand in texts, are read as what they are. The truncation and
    padding that `tokenizer` is set to play no part, and are left alone.

    Raises InputError for a tokenizer that is not fast, fails or does not put a special token first, and for sizes
    that leave the context no more than `stride` tokens.
    """
    windower = Windower.of(
        tokenizer, max_length=max_length, stride=stride, max_question_length=max_question_length
    )
    return windower.windows(questions)


@dataclass(frozen=True, eq=False)
class Windower:
    """What `make_windows` makes ready, for those who have questions again and again; threads may share it."""

    reader: Reader
    max_length: int
    stride: int
    max_question_length: int
    pairs: "Tokenizer"
    """Cuts a question with its context into windows; `reader` serves for questions alone."""

    @classmethod
    def of(
        cls, tokenizer: AnyTokenizer, *, max_length: int, stride: int, max_question_length: int
    ) -> "Windower":
        """See `make_windows`, also for the errors."""
        reader = reader_of(tokenizer)
        room = max_length - max_question_length - reader.backend.num_special_tokens_to_add(is_pair=True)
        if room <= stride:
            raise InputError(
                f"Windows of {max_length} tokens with questions of up to {max_question_length} leave the "
                f"context {room}, which must be more than the stride of {stride}; lengthen the windows or "
                "shorten the stride or the questions."
            )
        pairs = copy.deepcopy(reader.backend)
        pairs.encode_special_tokens = reader.backend.encode_special_tokens  # which copying forgets
        pairs.enable_truncation(max_length, stride=stride, strategy="only_second")
        return cls(reader, max_length, stride, max_question_length, pairs)

    def windows(self, questions: Sequence[Question]) -> list[Window]:
        """See `make_windows`."""
        return list(self.each(questions))

    def each(self, questions: Iterable[Question]) -> Iterator[Window]:
        """The same windows, one at a time: memory grows neither with their number nor with a context's length.

        The exception are contexts with no white space that the tokenizer may be interrupted at, see `pieces`.
        """
        before = 0
        for chunk in _chunks(questions):
            long = len(chunk) == 1 and len(chunk[0].context) > _LONG
            yield from self._long(chunk[0], before) if long else self._short(chunk, before)
            before += len(chunk)

    def _short(self, questions: Sequence[Question], before: int) -> Iterator[Window]:
        cut = [self._cut(question) for question in questions]
        contexts = [question.context for question in questions]
        with library_faults(FAILS_ON_TEXT):
            encoded = self.pairs.encode_batch(list(zip(cut, contexts, strict=True)))
        for index, (question, first) in enumerate(zip(questions, encoded, strict=True), before):
            encodings = [first, *first.overflowing]
            visible = Visible(question.context)
            for encoding in encodings:
                offsets = _offsets(encoding, visible)
                start, end = _answer_position(
                    question, offsets, at_start=encoding is first, at_end=encoding is encodings[-1]
                )
                type_ids = np.array(encoding.type_ids, np.int32) if self.reader.has_token_types else None
                input_ids = np.array(encoding.ids, np.int32)
                is_last = encoding is encodings[-1]
                yield Window(index, input_ids, type_ids, offsets, start, end, is_last)

    def _long(self, question: Question, index: int) -> Iterator[Window]:
        """Windows as the library cuts them, from the tokens of one piece of the context after another."""
        backend, text = self.reader.backend, question.context
        cut = self._cut(question)
        with library_faults(FAILS_ON_TEXT):
            frame = self.pairs.encode(cut, "a")
        is_context = np.array([sequence == 1 for sequence in frame.sequence_ids])
        first, after = int(is_context.argmax()), len(is_context) - int(is_context[::-1].argmax())
        room = self.max_length - first - (len(is_context) - after)
        ids, offsets = np.empty(0, np.int32), np.empty((0, 2), np.int32)

        def window(size: int, *, is_first: bool, is_last: bool) -> Window:
            def framed(values: Sequence[int], inner: NDArray[np.int32]) -> NDArray[np.int32]:
                return np.concatenate((values[:first], inner, values[after:])).astype(np.int32)

            edges = (np.full((each, 2), -1, np.int32) for each in (first, len(is_context) - after))
            before, behind = edges
            places = np.concatenate((before, offsets[:size], behind))
            start, end = _answer_position(question, places, at_start=is_first, at_end=is_last)
            types = framed(frame.type_ids, np.full(size, frame.type_ids[first], np.int32))
            return Window(
                index,
                framed(frame.ids, ids[:size]),
                types if self.reader.has_token_types else None,
                places,
                start,
                end,
                is_last,
            )

        is_first = True
        for begin, end in pieces(backend, text):
            piece = text[begin:end]
            with library_faults(FAILS_ON_TEXT):
                encoding = backend.encode(piece, add_special_tokens=False)
            stretches = _offsets(encoding, Visible(piece), sequence=0)
            stretches = np.where(stretches < 0, np.int32(-1), stretches + np.int32(begin))
            ids = np.concatenate((ids, np.array(encoding.ids, np.int32)))
            offsets = np.concatenate((offsets, stretches))
            while len(ids) > room:
                yield window(room, is_first=is_first, is_last=False)
                is_first = False
                ids, offsets = ids[room - self.stride :], offsets[room - self.stride :]
        yield window(len(ids), is_first=is_first, is_last=True)

    def _cut(self, question: Question) -> str:
        with library_faults(FAILS_ON_TEXT):
            return _cut_question(self.reader.backend, question.question, self.max_question_length)


def collate(windows: Sequence[Window], pad_token_id: int) -> Batch:
    """Pad `windows` on the right to the longest of them; padding is masked and of token type 0.

    The labels are the annotated positions, [batch] each.
    """
    shape = len(windows), max(len(window.input_ids) for window in windows)
    input_ids = np.full(shape, pad_token_id, np.int64)
    attention_mask = np.zeros(shape, np.int64)
    token_type_ids = None if windows[0].token_type_ids is None else np.zeros(shape, np.int64)
    for row, window in enumerate(windows):
        length = len(window.input_ids)
        input_ids[row, :length] = window.input_ids
        attention_mask[row, :length] = 1
        if token_type_ids is not None and window.token_type_ids is not None:
            token_type_ids[row, :length] = window.token_type_ids
    return Batch(
        input_ids,
        attention_mask,
        token_type_ids,
        {
            "start_positions": np.array([window.start_position for window in windows], np.int64),
            "end_positions": np.array([window.end_position for window in windows], np.int64),
        },
    )


BATCH_SIZE = 16
"""Windows that an engine is given at once, unless it is told otherwise."""


def longest_first(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Indices into `lengths` in batches, longest first: little padding, and memory fails early."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    return [order[begin : begin + batch_size] for begin in range(0, len(order), batch_size)]


def batches(
    windows: Sequence[Window], batch_size: int, pad_token_id: int
) -> Iterator[tuple[list[int], Batch]]:
    """Yield (indices into `windows`, their Batch), see `longest_first`."""
    for chosen in longest_first([len(window.input_ids) for window in windows], batch_size):
        yield chosen, collate([windows[index] for index in chosen], pad_token_id)


def pad_token_id_of(tokenizer: AnyTokenizer) -> int:
    """The id to pad with; raises InputError where the tokenizer names none."""
    if not isinstance(tokenizer.pad_token_id, int):
        raise InputError("The tokenizer has no padding token; set pad_token in its tokenizer_config.json.")
    return tokenizer.pad_token_id


def _cut_question(backend: "Tokenizer", text: str, limit: int) -> str:
    """The longest beginning of `text` that makes at most `limit` tokens."""
    encoding = backend.encode(text, add_special_tokens=False)
    while len(encoding.ids) > limit:
        # A beginning may tokenise otherwise than as part of the whole; shorten until it fits.
        text = text[: min(encoding.offsets[limit - 1][1], len(text) - 1)]
        encoding = backend.encode(text, add_special_tokens=False)
    return text


def _chunks(questions: Iterable[Question]) -> Iterator[list[Question]]:
    """Neighbours that are encoded at once, few enough for the memory; one with a long context is alone."""
    chunk: list[Question] = []
    characters = 0
    for question in questions:
        characters += len(question.context)
        if chunk and (
            len(chunk) == _CHUNK or characters > _CHUNK_CHARACTERS or len(question.context) > _LONG
        ):
            yield chunk
            chunk, characters = [], len(question.context)
        chunk.append(question)
        if len(question.context) > _LONG:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _offsets(encoding: "Encoding", visible: Visible, *, sequence: int = 1) -> NDArray[np.int32]:
    """[length, 2], see Window.offsets. Byte-level and SentencePiece tokens may carry a space before them."""
    is_context = np.array([each == sequence for each in encoding.sequence_ids])
    stretches = np.array(encoding.offsets, np.int32).reshape(-1, 2)
    return visible(np.where(is_context[:, None], stretches, np.int32(0)))


def _answer_position(
    question: Question, offsets: NDArray[np.int32], *, at_start: bool, at_end: bool
) -> tuple[int, int]:
    """First and last token of the first answer, or NULL_POSITION twice unless the window holds all of it."""
    null = NULL_POSITION, NULL_POSITION
    if not question.answers:
        return null
    answer = question.answers[0]
    visible = answer.text.strip()
    start = answer.start + answer.text.find(visible)
    end = start + len(visible)
    (context_tokens,) = np.nonzero(offsets[:, 0] >= 0)
    (touched,) = np.nonzero((offsets[:, 0] < end) & (offsets[:, 1] > start))
    if not len(touched):
        return null
    begins_here = at_start or offsets[context_tokens[0], 0] <= start
    ends_here = at_end or offsets[context_tokens[-1], 1] >= end
    return (int(touched[0]), int(touched[-1])) if begins_here and ends_here else null
