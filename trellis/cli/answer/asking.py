"""The three ways in which the command is asked, and how each is answered on standard output."""

import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

from rich.console import Console

from answer.answerer import Answerer
from answer.answers import Answer
from answer.json_lines import Asked, Unusable, read_asked
from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.settings import ALWAYS_ANSWER
from prune.tasks.question_answering.squad.reading import read_questions
from trellis.cli.answer.options import STANDARD_INPUT, Printed, Source
from trellis.errors import InputError
from trellis.files.json_file import json_text, write_json
from trellis.printable import only_shown
from trellis.progress import Report, shown

_REFUSED = "(no answer)"
"""Stands where the spans of a refused question would."""
_PATIENCE = 2.0
"""Seconds after which progress is worth showing."""


def run(
    answerer: Answerer, questions: Sequence[str], asked: Source, printed: Printed, errors: Console
) -> int:
    """Have what is asked answered; the exit code, 1 where some lines could not be answered.

    Raises InputError; BrokenPipeError where nobody reads any more.
    """
    code = 0
    if asked.squad:
        _answer_squad(answerer, asked.squad, printed, errors)
    elif asked.jsonl:
        code = _answer_lines(answerer, asked.jsonl, printed.top_k, errors)
    else:
        context = _read_context(STANDARD_INPUT if asked.context is None else asked.context, errors)
        _answer_questions(answerer, [Question(text, text, context) for text in questions], printed, errors)
    sys.stdout.flush()
    return code


def _answer_questions(
    answerer: Answerer, asked: Sequence[Question], printed: Printed, errors: Console
) -> None:
    with _bar(errors) as report:
        answers = answerer.answer_all(
            asked, top_k=printed.top_k, progress=lambda done, total: report("reading", done, total)
        )
    for index, found in enumerate(answers):
        if printed.as_json:
            _print_json({"question": found.id} | found.to_dict(with_spans=printed.top_k > 1))
            continue
        if printed.top_k > 1:
            _print("\n" * bool(index) + _listed(found))
        else:
            _print(_on_one_line(found.text))
        if found.refused:
            _say(
                errors,
                f"The context does not answer {found.id!r}{_reason(found, answerer.settings.null_threshold)}.",
            )


def _answer_squad(answerer: Answerer, source: Path, printed: Printed, errors: Console) -> None:
    questions = read_questions(source)
    texts, odds = {}, {}
    with _bar(errors) as report:
        for found in answerer.stream(
            questions, progress=lambda done: report("answering", done, len(questions))
        ):
            texts[found.id] = found.text
            # they are infinite where a context has no token, which JSON has no number for
            odds[found.id] = min(found.null_odds, ALWAYS_ANSWER)
    if printed.na_probs:
        write_json(printed.na_probs, odds)
    if printed.out:
        write_json(printed.out, texts)
    else:
        _print_json(texts)


def _answer_lines(answerer: Answerer, source: str, top_k: int, errors: Console) -> int:
    count, unusable, first = 0, 0, None
    # no bar where answers are printed to the same terminal meanwhile
    may_show = not (sys.stderr.isatty() and sys.stdout.isatty())
    with _opened(source) as (lines, waits), _bar(errors, may_show, beats=not waits) as report:
        for asked in read_asked(lines, waits=waits):
            for each in _answered(answerer, asked, top_k):
                if isinstance(each, Unusable):
                    unusable, first = unusable + 1, first or each
                    _print_json(each.to_dict())
                else:
                    _print_json(each)
            sys.stdout.flush()
            count += len(asked)
            report(f"answering ({count} answered)", 0, 1)
    if first:
        _say(
            errors,
            f"answer: {unusable} of {count} lines of {_called(source)} could not be answered, the first of them "
            f"line {first.line}: {first.error}",
        )
    return 1 if first else 0


def _answered(
    answerer: Answerer, asked: Sequence[Asked | Unusable], top_k: int
) -> Iterator[dict[str, Any] | Unusable]:
    """What is to be said to each line, in order: one that cannot be answered takes no other with it."""
    usable = [each for each in asked if isinstance(each, Asked)]
    try:
        answers = iter(answerer.answer_all([each.question for each in usable], top_k=top_k))
    except InputError as error:
        if len(asked) > 1:
            for each in asked:
                yield from _answered(answerer, [each], top_k)
            return
        (alone,) = usable
        yield Unusable(alone.id, alone.line, str(error), alone.size)
        return
    for each in asked:
        if isinstance(each, Unusable):
            yield each
        else:
            name = {} if each.id is None else {"id": each.id}
            yield name | next(answers).to_dict(with_spans=top_k > 1)


def _read_context(source: str, errors: Console) -> str:
    if source == STANDARD_INPUT and sys.stdin and sys.stdin.isatty():
        _say(errors, "Reading the context from the terminal; end it with Ctrl-D.")
    try:
        with _opened(source) as (file, _):
            return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The context in {_called(source)} is not UTF-8 text ({error.reason}); convert it to UTF-8."
        ) from None


@contextmanager
def _opened(source: str) -> Iterator[tuple[BinaryIO, bool]]:
    """(the file, whether it is no plain file, so that reading may wait)."""
    if source == STANDARD_INPUT and sys.stdin is None:
        raise InputError("Standard input is closed; name a file, or send something there.")
    try:
        # Standard input under a lock of its own: a thread that waits in it must not stop Python from ending.
        file = open(0, "rb", closefd=False) if source == STANDARD_INPUT else Path(source).open("rb")  # noqa: SIM115
    except FileNotFoundError:
        raise InputError(
            f"There is no file {source}; name one that exists, or - for standard input."
        ) from None
    except OSError as error:
        raise InputError(f"{_called(source)} cannot be read: {error.strerror}.") from None
    try:
        yield file, not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    finally:
        if source != STANDARD_INPUT:
            file.close()


def _called(source: str) -> str:
    return "standard input" if source == STANDARD_INPUT else source


@contextmanager
def _bar(errors: Console, may_show: bool = True, *, beats: bool = True) -> Iterator[Report]:
    """A progress bar, or lines, where there may be one, as soon as it takes long; see trellis.progress."""
    began = monotonic()
    with ExitStack() as stack:
        bar: Report | None = None

        def report(what: str, done: int, total: int) -> None:
            nonlocal bar
            if bar is None and may_show and monotonic() - began > _PATIENCE:
                bar = stack.enter_context(shown(errors, beats=beats))
            if bar:
                bar(what, done, total)

        yield report


def _say(errors: Console, sentence: str) -> None:
    errors.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _listed(found: Answer) -> str:
    """The spans, a line each behind its probability; where the question is refused, that of saying nothing."""
    if found.refused:
        return f"{found.null_probability:.4f}\t{_REFUSED}"
    return "\n".join(f"{span.probability:.4f}\t{_on_one_line(span.text)}" for span in found.spans)


def _on_one_line(text: str) -> str:
    line = " ".join(text.splitlines())
    return only_shown(line) if sys.stdout.isatty() else line


def _reason(found: Answer, threshold: float) -> str:
    if found.best is None:
        return ": it holds no text"
    odds = f"log odds of no answer {found.null_odds:.2f}, refused above {threshold:.2f}"
    return f" ({odds}); --never-refuse gives the best guess"


def _print_json(value: Any) -> None:
    text = json_text(value, "The answer")
    # JSON has the first 32 characters escaped, and no other that steers a terminal
    _print(only_shown(text, lambda one: json.dumps(one)[1:-1]) if sys.stdout.isatty() else text)


def _print(line: str) -> None:
    """In UTF-8, whatever the terminal's language: what is printed is meant to be read back."""
    sys.stdout.buffer.write(line.encode() + b"\n")
