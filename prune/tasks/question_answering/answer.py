"""Questions in, answers out, with any engine that turns a batch into logits."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prune.tasks.batch import Run
from prune.tasks.question_answering import END, START
from prune.tasks.question_answering.pool import Pace, pooled
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import AnyTokenizer
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.spans import Prediction, Read, best_spans
from prune.tasks.question_answering.squad.metrics import SquadScore, score
from prune.tasks.question_answering.windows import (
    BATCH_SIZE,
    Window,
    Windower,
    collate,
    longest_first,
    pad_token_id_of,
)
from trellis.errors import InputError

Progress = Callable[[int, int], None]
"""Called with (windows done, windows in all)."""


def answer(
    questions: Sequence[Question],
    tokenizer: AnyTokenizer,
    run: Run,
    *,
    settings: DecodingSettings,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
) -> list[Prediction]:
    """Answer all questions, in their order. `settings.max_length` must be within what the model takes.

    Memory holds few windows at a time, however many questions there are and however long their contexts.
    Raises InputError where `make_windows` or `best_spans` does, or the engine's logits have a wrong shape.
    """
    windower = Windower.of(
        tokenizer,
        **settings.cutting,
    )
    pace = Pace(questions)
    read = run_windows(
        pace.watch(windower.each(questions)),
        run,
        pad_token_id=pad_token_id_of(tokenizer),
        batch_size=batch_size,
        progress=progress and (lambda done: progress(done, pace.total)),
    )
    return best_spans(questions, read, max_answer_length=settings.max_answer_length)


def run_windows(
    windows: Iterable[Window],
    run: Run,
    *,
    pad_token_id: int,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Read]:
    """Each window with its logits, [length] each: those of one question in order, else the longer ones first."""
    batched = pooled(windows, lambda lengths: longest_first(lengths, batch_size))
    return run_batches(batched, run, pad_token_id=pad_token_id, progress=progress)


def run_batches(
    batched: Iterable[Sequence[Window]],
    run: Run,
    *,
    pad_token_id: int,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Read]:
    """Each window with its logits, in the order of the batches; `progress` is called with windows done.

    Raises InputError where the engine's logits have a wrong shape.
    """
    done = 0
    for windows in batched:
        batch = collate(windows, pad_token_id)
        outputs = run(batch)
        start, end = outputs[START], outputs[END]
        if start.shape != batch.input_ids.shape or end.shape != batch.input_ids.shape:
            raise InputError(
                f"The model gave start and end logits of shape {start.shape} and {end.shape} for token ids "
                f"of shape {batch.input_ids.shape}; a question-answering model gives one of each per token."
            )
        done += len(windows)
        if progress:
            progress(done)
        for row, window in enumerate(windows):
            length = len(window.input_ids)
            yield window, start[row, :length], end[row, :length]


def score_predictions(
    questions: Sequence[Question], predictions: Sequence[Prediction], *, null_threshold: float
) -> SquadScore:
    """Score the predictions at `null_threshold`, and find the best thresholds beside it."""
    return score(
        questions,
        {prediction.id: prediction.best_text for prediction in predictions},
        {prediction.id: prediction.null_odds for prediction in predictions},
        null_threshold=null_threshold,
    )
