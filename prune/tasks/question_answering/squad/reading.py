"""SQuAD 1.1 and 2.0 in: from a JSON file in the official form, or through the `datasets` library.

Every file is untrusted: each question is checked before it is believed. What can be scored is not always fit to be
trained on.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from prune.hub import is_hub_id
from prune.tasks.question_answering.questions import NO_START, Answer, Question
from trellis.errors import InputError, Parameter
from trellis.files.json_file import read_json, write_json

_NQ_FIELDS = {"document_text", "document_tokens", "document_html", "question_text"}
_WANTS_NQ = "{} holds Natural Questions, not SQuAD; add {}."
_COLUMNS = ("id", "context", "question", "answers")


def read_squad(source: str, *, split: str | None = None, revision: str | None = None) -> list[Question]:
    """Read all questions of `source`, in its order.

    `source` is a JSON file in the official nested form, a directory in the hub's layout, or a hub id
    "owner/name" (fetched by the `datasets` library, at `revision`). What exists on disk wins; what begins
    with "." or "/" or ends in ".json" is never fetched. `split` chooses among a dataset's splits; a JSON
    file has none and ignores it.

    That is what scoring needs: an answer whose place in the context is not known has NO_START. Ids that are no
    text come as they stand in JSON. Raises InputError naming what is wrong and where: no such source, not JSON,
    wrong structure, no questions, one id on two different questions.
    """
    return _unique((question for question, _ in _read(source, split, revision)), source)


def read_trainable(
    source: str, *, split: str | None = None, revision: str | None = None
) -> tuple[list[Question], str]:
    """(the questions of `source` that can be trained on, a sentence on those that cannot, '' where all can).

    What can be trained on has a context, says of its answers where they stand, and does not contradict its own
    `is_impossible`. Raises InputError as `read_squad` does, and where nothing is left.
    """
    questions: dict[str, Question] = {}
    faults: list[str] = []
    for question, fault in _read(source, split, revision):
        if question.id in questions:
            fault = f"the id {question.id!r} stands on another question before it"
        if fault:
            faults.append(f"{question.id!r}: {fault}")
        else:
            questions[question.id] = question
    total = len(questions) + len(faults)
    if not total:
        raise InputError(f"{source} holds no questions; expected at least one.")
    skipped = (
        f"{len(faults):,} of {total:,} questions cannot be trained on, the first is {faults[0]}."
        if faults
        else ""
    )
    if not questions:
        raise InputError(f"{source}: {skipped}")
    return list(questions.values()), skipped


def _read(source: str, split: str | None, revision: str | None) -> Iterator[tuple[Question, str]]:
    """Each question with what is in the way of training on it, '' where nothing is."""
    path = Path(source)
    if path.is_file():
        yield from _official_form(_document(path), source)
    elif (source and path.is_dir()) or _is_hub_id(source):
        yield from _hub_form(_load_rows(source, split, revision), source)
    else:
        raise InputError(
            f"There is no SQuAD file at {source!r}; give a JSON file, a directory, or a hub id 'owner/name'."
        )


def read_questions(path: Path) -> list[Question]:
    """Read the questions of a JSON file in the official form, in its order, without their answers.

    The answers need not be there: questions are to be answered, not scored. Raises InputError naming what is
    wrong and where: no such file, not JSON, wrong structure, no questions, repeated ids.
    """
    walked = _walk(_document(path), str(path))
    return _unique(
        (_question(entry, context, [], place)[0] for place, context, entry in walked),
        str(path),
    )


def write_squad(questions: Sequence[Question], path: Path) -> None:
    """Write `questions` as SQuAD 2.0 JSON (official form, one article); an existing file is replaced whole.

    Neighbours with the same context become one paragraph. Raises InputError where `path` cannot be written.
    """
    paragraphs = [
        {
            "context": context,
            "qas": [
                {
                    "id": question.id,
                    "question": question.question,
                    "answers": [{"text": a.text, "answer_start": a.start} for a in question.answers],
                    "is_impossible": not question.answers,
                }
                for question in group
            ],
        }
        for context, group in groupby(questions, key=lambda question: question.context)
    ]
    write_json(path, {"version": "v2.0", "data": [{"title": path.stem, "paragraphs": paragraphs}]})


def _is_hub_id(source: str) -> bool:
    return not source.endswith((".json", ".jsonl", ".gz")) and is_hub_id(source)


def _document(path: Path) -> Any:
    try:
        document = read_json(path, "SQuAD file")
    except InputError as error:
        if "not valid JSON" in str(error) and _is_natural_questions(path):
            raise InputError(_WANTS_NQ, path, Parameter("task", "nq")) from None
        raise
    if isinstance(document, Mapping) and "data" not in document and _NQ_FIELDS & set(document):
        raise InputError(_WANTS_NQ, path, Parameter("task", "nq"))
    return document


def _is_natural_questions(path: Path) -> bool:
    """Whether the first line is a document of theirs."""
    try:
        with path.open("rb") as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            line = (gzip.GzipFile(fileobj=file) if packed else file).readline(1 << 27)
        document = json.loads(line)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and bool(_NQ_FIELDS & set(document))


def _unique(questions: Iterable[Question], source: str) -> list[Question]:
    by_id: dict[str, Question] = {}
    for question in questions:
        if question.id in by_id and question != by_id[question.id]:
            raise InputError(f"{source}: the id {question.id!r} stands on two questions; ids must be unique.")
        by_id[question.id] = question
    if not by_id:
        raise InputError(f"{source} holds no questions; expected at least one.")
    return list(by_id.values())


def _official_form(document: Any, source: str) -> Iterator[tuple[Question, str]]:
    for place, context, entry in _walk(document, source):
        answers = [
            (_text(answer, "text", answer_place, least=0), answer.get("answer_start"))
            for answer_place, answer in _entries(entry, "answers", f"{place}.")
        ]
        question, fault = _question(entry, context, answers, place)
        question = replace(question, article=place.partition(".paragraphs[")[0])
        yield question, fault or _contradiction(entry.get("is_impossible", False), question)


def _walk(document: Any, source: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(place, context, entry) of each question; a place is a JSON path, e.g. data[3].paragraphs[0].qas[1]."""
    if not isinstance(document, Mapping) or "data" not in document:
        raise InputError(f"{source} is not in the SQuAD form: it has no 'data' at its top.")
    for article_place, article in _entries(document, "data", f"{source}: "):
        for paragraph_place, paragraph in _entries(article, "paragraphs", f"{article_place}."):
            context = _text(paragraph, "context", paragraph_place, least=0)
            for place, entry in _entries(paragraph, "qas", f"{paragraph_place}."):
                yield place, context, entry


def _contradiction(is_impossible: Any, question: Question) -> str:
    if not isinstance(is_impossible, bool):
        return f"is_impossible is {shortened(is_impossible)}; expected true or false"
    if is_impossible and question.answers:
        return "it is marked is_impossible but has answers"
    if not is_impossible and not question.answers:
        return "it has no answers and is not marked is_impossible"
    return ""


def _load_rows(source: str, split: str | None, revision: str | None) -> Iterable[Any]:
    """Rows of one split through `datasets`, which since version 3 runs no code of the dataset by default."""
    import datasets

    verbosity = datasets.logging.get_verbosity()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # it logs what it raises, several times
    try:
        loaded = datasets.load_dataset(source, split=split, revision=revision)
    except Exception as error:
        # Offline, unknown, private, malformed: the library has a class and a paragraph for each.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        advice = "check its files" if Path(source).is_dir() else "check its name and the network"
        raise InputError(
            f"The dataset {source!r} could not be loaded ({lines[0].rstrip('.')}); "
            f"{advice}, or give a local JSON file."
        ) from None
    finally:
        datasets.logging.set_verbosity(verbosity)
    if isinstance(loaded, datasets.DatasetDict):
        if len(loaded) != 1:
            raise InputError(
                f"The dataset {source!r} has the splits {sorted(loaded)}; say which one to read."
            )
        (loaded,) = loaded.values()
    missing = [name for name in _COLUMNS if name not in (loaded.column_names or ())]
    if missing:
        raise InputError(
            f"The dataset {source!r} has no column {missing[0]!r}; "
            f"expected {', '.join(_COLUMNS)}, as the SQuAD datasets have."
        )
    rows: Iterable[Any] = loaded
    return rows


def _hub_form(rows: Iterable[Any], source: str) -> Iterator[tuple[Question, str]]:
    """Flat rows whose `answers` are two parallel lists; no answers means unanswerable."""
    for index, row in enumerate(rows):
        place = f"{source}: row {index}"
        answers = row["answers"]
        texts, starts = _field(answers, "text", place), _field(answers, "answer_start", place)
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise InputError(f"{place}: 'text' and 'answer_start' must be two lists of the same length.")
        if not all(isinstance(text, str) for text in texts):
            raise InputError(f"{place}: 'text' must be a list of texts.")
        context = _text(row, "context", place, least=0)
        question, fault = _question(row, context, list(zip(texts, starts, strict=True)), place)
        yield replace(question, article=str(row.get("title") or "")), fault


def _question(
    entry: Mapping[str, Any], context: str, answers: list[tuple[str, Any]], place: str
) -> tuple[Question, str]:
    """The question with its answers, (text, start) each, and what is in the way of training on it.

    Answers that stand where they are said to come first: the first is what is trained on.
    """
    faults = [_misplaced(text, start, context) for text, start in answers]
    placed = [Answer(text, start) for (text, start), fault in zip(answers, faults, strict=True) if not fault]
    others = [Answer(text, NO_START) for (text, _), fault in zip(answers, faults, strict=True) if fault]
    question = Question(
        _id(entry, place), _text(entry, "question", place, least=0), context, (*placed, *others)
    )
    if not context.strip():
        return question, "its context is empty"
    return question, faults[0] if others and not placed else ""


def _misplaced(text: str, start: Any, context: str) -> str:
    """What is wrong with the place of an answer; '' where it stands there."""
    if not text or type(start) is not int or start < 0:
        return (
            f"its answer is the text {shortened(text)} at {shortened(start)}; expected some text and the character "
            "of the context at which it starts"
        )
    there = context[start : start + len(text)]
    if there != text:
        return f"its answer {shortened(text)} is said to stand at character {start}, where {shortened(there)} stands"
    return ""


def _id(entry: Mapping[str, Any], place: str) -> str:
    """Text; numbers and truth values as they stand in JSON, as keys of predictions do."""
    value = _field(entry, "id", place)
    return json.dumps(value) if isinstance(value, bool | int | float) else _text(entry, "id", place)


def _entries(parent: Any, name: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The list `parent[name]`, each entry with its place; raises InputError unless all are objects."""
    entries = _field(parent, name, place.rstrip(".: "))
    if not isinstance(entries, list):
        raise InputError(f"{place}{name} is a {type(entries).__name__}; expected a list.")
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise InputError(f"{place}{name}[{index}] is a {type(entry).__name__}; expected an object.")
        yield f"{place}{name}[{index}]", entry


def _field(parent: Any, name: str, place: str) -> Any:
    if not isinstance(parent, Mapping) or name not in parent:
        raise InputError(f"{place} has no {name!r}, which the SQuAD form wants there.")
    return parent[name]


def _text(parent: Any, name: str, place: str, *, least: int = 1) -> str:
    value = _field(parent, name, place)
    if not isinstance(value, str) or len(value) < least:
        raise InputError(f"{place}: {name!r} is {value!r}; expected some text.")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InputError(f"{place}: {name!r} holds half a surrogate pair, which is no Unicode text.")
    return value
