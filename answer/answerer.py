"""A folder that prune-export wrote, opened to be asked questions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from answer.answers import Answer
from answer.batching import batches_by_length
from answer.chunks import chunks
from answer.decoding import decode
from answer.engine import OpenEngine
from answer.engine import open_engine as open_in
from answer.options import Batching, Engine, Refusal
from export.metadata import read_metadata
from export.outputs import settle_export
from export.provenance import cpu_runtime_in
from prune.tasks.batch import Run
from prune.tasks.question_answering import QUESTION_ANSWERING
from prune.tasks.question_answering.answer import Progress, run_batches
from prune.tasks.question_answering.pool import Pace, pooled
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.reader import Reader
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.tokenizer_file import load_reader
from prune.tasks.question_answering.windows import Windower, pad_token_id_of
from trellis.bounds import check_whole
from trellis.cores import available_cores
from trellis.errors import InputError, Parameter

CHUNK_QUESTIONS, CHUNK_CHARACTERS = 512, 1 << 20
"""At most so many questions of a stream, and about so much text of theirs, are in memory at once."""

LONGEST_QUESTION = 1 << 16
"""Characters. The model reads a few dozen tokens of it."""


def open_answerer(
    model: str | Path,
    *,
    engine: Engine = Engine(),
    refusal: Refusal = Refusal(),
    batching: Batching = Batching(),
    settings: DecodingSettings | None = None,
    open_engine: OpenEngine | None = None,
) -> "Answerer":
    """Open a model to be asked questions.

    Args:
        model: A folder that prune-export wrote, or the .onnx file in it.
        engine: The runtime and its threads.
        refusal: When a question is refused; by default where the model's own threshold says so.
        batching: How many tokens are run at once, and how much of that may be padding.
        settings: Take the place of the folder's decoding.json; `refusal` has the last word on their null threshold.
        open_engine: Opens the file in a runtime of your own, in place of the one that `engine` names.

    Returns:
        The model, ready to answer.

    Raises:
        InputError: A file is absent or damaged, or the runtime is not installed.
    """
    path = _graph_in(Path(model))
    metadata = read_metadata(path)
    QUESTION_ANSWERING.check_same(metadata.encoder.task, path)
    runtime = engine.runtime or cpu_runtime_in(metadata.provenance) or "onnxruntime"
    encoder = metadata.encoder
    folder = path.resolve().parent if path.is_symlink() else path.parent
    chosen = settings or _settings(folder)
    if refusal.threshold is not None:
        chosen = replace(chosen, null_threshold=refusal.threshold)
    reader = load_reader(folder, encoder)
    run = (open_engine or partial(open_in, runtime))(path, metadata, engine.threads or available_cores())
    return Answerer.of(reader, run, chosen.clipped(encoder.max_length), batching)


@dataclass(frozen=True, eq=False)
class Answerer:
    """A model ready to answer. It keeps no state, so that threads may share it."""

    windower: Windower
    run: Run
    pad_token_id: int
    settings: DecodingSettings
    batching: Batching

    @classmethod
    def of(
        cls, reader: Reader, run: Run, settings: DecodingSettings, batching: Batching = Batching()
    ) -> "Answerer":
        """Any engine with its tokenizer. `settings.max_length` must be within what the model takes.

        Raises InputError where the windows leave the context no room.
        """
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
            batching=batching,
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
        check_whole(Parameter("top_k"), top_k, 1)
        for question in questions:
            check_texts(question)
        pace = Pace(questions)
        batches = pooled(
            pace.watch(self.windower.each(questions)),
            partial(
                batches_by_length,
                max_tokens=self.batching.max_batch_tokens,
                max_padding=self.batching.max_padding,
            ),
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
        check_whole(Parameter("chunk"), chunk, 1)
        answered = 0

        def report(done: int, total: int) -> None:
            if progress:
                progress(answered + len(asked) * done // total)

        for asked in chunks(questions, _characters, most=chunk, most_size=CHUNK_CHARACTERS):
            yield from self.answer_all(asked, top_k=top_k, progress=report)
            answered += len(asked)


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
