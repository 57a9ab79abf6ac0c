"""Questions and contexts as windows of tokens: what a model reads, and where each token came from."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prune.errors import InputError
from prune.qa.questions import Question
from prune.qa.reader import NULL_POSITION as NULL_POSITION
from prune.qa.reader import AnyTokenizer, Reader, reader_of

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Ints = NDArray[np.int64]

_CHUNK = 256  # questions encoded at once

_WHITE_SPACE = np.array([code for code in range(0x10000) if chr(code).isspace()], np.uint32)


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
    """[length, 2]: the characters [start, end) of the context that the token stands for, without
    surrounding white space; (-1, -1) for special tokens, the question, and tokens of white space alone."""
    start_position: int
    """Token at which the first annotated answer starts; NULL_POSITION where it is not wholly in here."""
    end_position: int
    """Its last token, inclusive."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows padded to the longest of them: all arrays int64, [batch, longest]."""

    input_ids: Ints
    attention_mask: Ints
    token_type_ids: Ints | None
    start_positions: Ints
    """[batch], for training."""
    end_positions: Ints
    """[batch], for training."""

    def inputs(self) -> dict[str, Ints]:
        """What a model reads, under the names that transformers and the exported graph give it."""
        named = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return named if self.token_type_ids is None else {**named, "token_type_ids": self.token_type_ids}


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
    read as text. The truncation and padding that `tokenizer` is set to play no part, and are left alone.

    Raises InputError for a tokenizer that is not fast or does not put a special token first, and for sizes
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
        return cls(reader, max_question_length, pairs)

    def windows(self, questions: Sequence[Question]) -> list[Window]:
        """See `make_windows`."""
        limit = self.max_question_length
        cut = [_cut_question(self.reader.backend, question.question, limit) for question in questions]
        windows = []
        for index, (question, first) in enumerate(
            zip(questions, _encode(self.pairs, cut, questions), strict=True)
        ):
            encodings = [first, *first.overflowing]
            visible = _Visible(question.context)
            for encoding in encodings:
                offsets = visible.offsets(encoding)
                start, end = _answer_position(
                    question, offsets, at_start=encoding is first, at_end=encoding is encodings[-1]
                )
                type_ids = np.array(encoding.type_ids, np.int32) if self.reader.has_token_types else None
                input_ids = np.array(encoding.ids, np.int32)
                windows.append(Window(index, input_ids, type_ids, offsets, start, end))
        return windows


def collate(windows: Sequence[Window], pad_token_id: int) -> Batch:
    """Pad `windows` on the right to the longest of them; padding is masked and of token type 0."""
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
        np.array([window.start_position for window in windows], np.int64),
        np.array([window.end_position for window in windows], np.int64),
    )


BATCH_SIZE = 16
"""Windows that an engine is given at once, unless it is told otherwise."""


def batches(
    windows: Sequence[Window], batch_size: int, pad_token_id: int
) -> Iterator[tuple[list[int], Batch]]:
    """Yield (indices into `windows`, their Batch), longest first: little padding, and memory fails early."""
    order = sorted(range(len(windows)), key=lambda index: -len(windows[index].input_ids))
    for begin in range(0, len(order), batch_size):
        chosen = order[begin : begin + batch_size]
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


def _encode(backend: "Tokenizer", cut: list[str], questions: Sequence[Question]) -> Iterator["Encoding"]:
    """First window of each question with its context; the others hang on it. In chunks: they take memory."""
    for begin in range(0, len(cut), _CHUNK):
        contexts = [question.context for question in questions[begin : begin + _CHUNK]]
        yield from backend.encode_batch(list(zip(cut[begin : begin + _CHUNK], contexts, strict=True)))


class _Visible:
    """Where a text shows something: how far any stretch of it shrinks without surrounding white space."""

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        shows = ~np.isin(codes, _WHITE_SPACE)
        places = np.arange(len(codes))
        ends = np.maximum.accumulate(np.where(shows, places + 1, 0))
        starts = np.minimum.accumulate(np.where(shows, places, len(codes))[::-1])[::-1]
        self._starts: NDArray[np.int32] = np.append(starts, len(codes)).astype(np.int32)
        """[characters + 1]: the first visible character from here on."""
        self._ends: NDArray[np.int32] = np.insert(ends, 0, 0).astype(np.int32)
        """[characters + 1]: the end of the last visible character before here."""

    def offsets(self, encoding: "Encoding") -> NDArray[np.int32]:
        """[length, 2], see Window.offsets. Byte-level and SentencePiece tokens may carry a space before them."""
        is_context = np.array([sequence == 1 for sequence in encoding.sequence_ids])
        stretches = np.where(is_context[:, None], np.array(encoding.offsets, np.int32), 0)
        starts, ends = self._starts[stretches[:, 0]], self._ends[stretches[:, 1]]
        return np.where((starts < ends)[:, None], np.stack((starts, ends), axis=1), np.int32(-1))


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
