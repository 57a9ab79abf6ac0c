"""A folder that prune-export wrote, opened to be asked questions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from answer.answers import Answer
from answer.batching import MAX_BATCH_TOKENS, MAX_PADDING, batches_by_length
from answer.chunks import chunks
from answer.decoding import decode
from answer.engine import ENGINES, OpenEngine
from export.metadata import read_metadata
from export.outputs import settle_export
from export.provenance import cpu_runtime_in
from export.target import CpuRuntime
from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import Progress, run_batches
from prune.tasks.question_answering.pool import Pace, pooled
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import Reader
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.tokenizer_file import load_reader
from prune.tasks.question_answering.windows import Windower, pad_token_id_of
from trellis.bounds import MOST_THREADS, check_whole
from trellis.cores import available_cores
from trellis.errors import InputError

CHUNK_QUESTIONS, CHUNK_CHARACTERS = 512, 1 << 20
"""At most so many questions of a stream, and about so much text of theirs, are in memory at once."""

LONGEST_QUESTION = 1 << 16
"""Characters. The model reads a few dozen tokens of it."""


def open_answerer(
    model: str | Path,
    *,
    threads: int | None = None,
    settings: DecodingSettings | None = None,
    null_threshold: float | None = None,
    max_batch_tokens: int = MAX_BATCH_TOKENS,
    max_padding: float = MAX_PADDING,
    runtime: CpuRuntime | OpenEngine | None = None,
) -> "Answerer":
    """Open `model`, a folder that prune-export wrote or the .onnx file in it.

    `threads` are all physical cores unless given. `settings` take the place of the folder's decoding.json, and
    `null_threshold` (logits) of the one in the settings, where settings.ALWAYS_ANSWER refuses nothing. A batch
    holds `max_batch_tokens` and rows of which a share of at most `max_padding` is padding. `runtime` is what the
    file was written for unless given; an answer.engine.OpenEngine opens the file in any other.

    Raises InputError where a file is absent or damaged, the runtime is not installed or not known, or a number
    is out of range.
    """
    path = _graph_in(Path(model))
    metadata = read_metadata(path)
    open_engine = _engine_of(runtime or cpu_runtime_in(metadata.provenance) or "onnxruntime")
    encoder = metadata.encoder
    folder = path.resolve().parent if path.is_symlink() else path.parent
    chosen = settings or _settings(folder)
    if null_threshold is not None:
        chosen = replace(chosen, null_threshold=null_threshold)
    if threads is None:
        threads = available_cores()
    check_whole("threads", threads, 1, MOST_THREADS)
    return Answerer.of(
        load_reader(folder, encoder),
        open_engine(path, metadata, threads),
        chosen.clipped(encoder.max_length),
        max_batch_tokens=max_batch_tokens,
        max_padding=max_padding,
    )


@dataclass(frozen=True, eq=False)
class Answerer:
    """A model ready to answer. It keeps no state, so that threads may share it."""

    windower: Windower
    run: Run
    pad_token_id: int
    settings: DecodingSettings
    max_batch_tokens: int
    max_padding: float

    @classmethod
    def of(
        cls,
        reader: Reader,
        run: Run,
        settings: DecodingSettings,
        *,
        max_batch_tokens: int = MAX_BATCH_TOKENS,
        max_padding: float = MAX_PADDING,
    ) -> "Answerer":
        """Any engine with its tokenizer. `settings.max_length` must be within what the model takes.

        Raises InputError where the windows leave the context no room, or a number is out of range.
        """
        if not 0 <= max_padding < 1:
            raise InputError(f"max_padding is {max_padding!r}; expected a share, from 0 to below 1.")
        check_whole("max_batch_tokens", max_batch_tokens, 1)
        return cls(
            windower=Windower.of(
                reader,
                max_length=settings.max_length,
                stride=settings.stride,
                max_question_length=settings.max_question_length,
            ),
            run=run,
            pad_token_id=pad_token_id_of(reader),
            settings=settings,
            max_batch_tokens=max_batch_tokens,
            max_padding=max_padding,
        )

    def answer(self, question: str, context: str, *, top_k: int = 1) -> Answer:
        """Answer one question about one text of any length, with the `top_k` best spans.

        A question of more than the settings' max_question_length tokens is cut there. Raises InputError as
        `answer_all` does.
        """
        return self.answer_all([Question("", question, context)], top_k=top_k)[0]

    def answer_all(
        self, questions: Sequence[Question], *, top_k: int = 1, progress: Progress | None = None
    ) -> list[Answer]:
        """Answer all questions, in their order; windows of like length are run together.

        Memory holds few windows at a time, however long the contexts are, as long as there is white space in them.
        `progress` is called with (windows done, windows in all). Raises InputError where a text is no Unicode
        text, or the engine fails or gives logits that are not finite.
        """
        check_whole("top_k", top_k, 1)
        for question in questions:
            check_texts(question)
        pace = Pace(questions)
        batches = pooled(
            pace.watch(self.windower.each(questions)),
            partial(batches_by_length, max_tokens=self.max_batch_tokens, max_padding=self.max_padding),
        )
        read = run_batches(
            batches,
            self.run,
            pad_token_id=self.pad_token_id,
            progress=progress and (lambda done: progress(done, pace.total)),
        )
        return decode(
            questions,
            read,
            max_answer_length=self.settings.max_answer_length,
            null_threshold=self.settings.null_threshold,
            top_k=top_k,
        )

    def stream(
        self,
        questions: Iterable[Question],
        *,
        top_k: int = 1,
        chunk: int = CHUNK_QUESTIONS,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Answer]:
        """Answers to however many questions, in their order, while memory holds only a few at a time.

        `chunk` questions (fewer, where their texts are long) are read before their answers come: give 1 where
        each question waits for the answer before it. `progress` is called with how many are answered, about.
        Raises InputError as `answer_all` does; what came before an error of `questions` itself is answered.
        """
        check_whole("chunk", chunk, 1)
        answered = 0

        def report(done: int, total: int) -> None:
            if progress:
                progress(answered + len(asked) * done // total)

        for asked in chunks(questions, _characters, most=chunk, most_size=CHUNK_CHARACTERS):
            yield from self.answer_all(asked, top_k=top_k, progress=report)
            answered += len(asked)


def _engine_of(runtime: CpuRuntime | OpenEngine) -> OpenEngine:
    if callable(runtime):
        return runtime
    if runtime not in ENGINES:
        raise InputError(f"runtime is {runtime!r}; expected {' or '.join(ENGINES)}.")
    return ENGINES[runtime]


def _graph_in(model: Path) -> Path:
    """The file itself, or the only .onnx file of a folder."""
    settle_export(model)
    if not model.is_dir():
        return model
    found = sorted(model.glob("*.onnx"))
    if len(found) != 1:
        came = ", ".join(path.name for path in found) or "none"
        raise InputError(
            f"The folder {model} should hold one .onnx file and holds {came}; give the file that prune-export wrote."
        )
    return found[0]


def _settings(folder: Path) -> DecodingSettings:
    if not (folder / DECODING_FILE).is_file():
        raise InputError(
            f"There is no {DECODING_FILE} in {folder}; the folder that prune-export wrote is needed whole, not "
            "the .onnx file alone."
        )
    return DecodingSettings.read(folder / DECODING_FILE)


def _characters(question: Question) -> int:
    return len(question.context) + len(question.question)


def check_texts(question: Question) -> None:
    """Raise InputError unless question and context are Unicode text, the question of no absurd length."""
    for name, text in (("question", question.question), ("context", question.context)):
        if not isinstance(text, str):
            raise InputError(f"The {name} of {question.id!r} is a {type(text).__name__}; expected text.")
        if not is_unicode(text):
            raise InputError(
                f"The {name} of {question.id!r} holds half a surrogate pair, which is no Unicode text."
            )
    if len(question.question) > LONGEST_QUESTION:
        raise InputError(
            f"The question {question.id[:100]!r} has {len(question.question):,} characters; expected "
            f"{LONGEST_QUESTION:,} at most. Is it the context?"
        )


def is_unicode(text: str) -> bool:
    """Whether it can be written down: Python's text may also hold halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
