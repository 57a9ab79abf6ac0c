"""SQuAD 1.1 and 2.0 in: from a JSON file in the official form, or through the `datasets` library.

Every file is untrusted: each question is checked before it is believed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from prune.errors import InputError
from prune.hub import is_hub_id
from prune.qa.json_file import read_json, write_json
from prune.qa.questions import Answer, Question

_COLUMNS = ("id", "context", "question", "answers")


def read_squad(source: str, *, split: str | None = None, revision: str | None = None) -> list[Question]:
    """Read all questions of `source`, in its order.

    `source` is a JSON file in the official nested form, a directory in the hub's layout, or a hub id
    "owner/name" (fetched by the `datasets` library, at `revision`). What exists on disk wins; what begins
    with "." or "/" or ends in ".json" is never fetched. `split` chooses among a dataset's splits; a JSON
    file has none and ignores it.

    Raises InputError naming what is wrong and where: no such source, not JSON, wrong structure, no
    questions, repeated ids, answers that are not in their context, contradicting `is_impossible`.
    """
    path = Path(source)
    if path.is_file():
        questions = _official_form(read_json(path, "SQuAD file"), source)
    elif (source and path.is_dir()) or _is_hub_id(source):
        questions = _hub_form(_load_rows(source, split, revision), source)
    else:
        raise InputError(
            f"There is no SQuAD file at {source!r}; give a JSON file, a directory, or a hub id 'owner/name'."
        )
    return _unique(questions, source)


def read_questions(path: Path) -> list[Question]:
    """Read the questions of a JSON file in the official form, in its order, without their answers.

    The answers need not be there: questions are to be answered, not scored. Raises InputError naming what is
    wrong and where: no such file, not JSON, wrong structure, no questions, repeated ids.
    """
    document = read_json(path, "SQuAD file")
    return _unique(
        (_question(entry, context, [], place) for place, context, entry in _walk(document, str(path))),
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
    return not source.endswith(".json") and is_hub_id(source)


def _unique(questions: Iterable[Question], source: str) -> list[Question]:
    by_id: dict[str, Question] = {}
    for question in questions:
        if question.id in by_id:
            raise InputError(f"{source}: the id {question.id!r} stands on two questions; ids must be unique.")
        by_id[question.id] = question
    if not by_id:
        raise InputError(f"{source} holds no questions; expected at least one.")
    return list(by_id.values())


def _official_form(document: Any, source: str) -> Iterator[Question]:
    for place, context, entry in _walk(document, source):
        answers = [
            (_field(answer, "text", answer_place), _field(answer, "answer_start", answer_place))
            for answer_place, answer in _entries(entry, "answers", f"{place}.")
        ]
        question = _question(entry, context, answers, place)
        _check_impossible(entry.get("is_impossible", False), question, place)
        yield question


def _walk(document: Any, source: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(place, context, entry) of each question; a place is a JSON path, e.g. data[3].paragraphs[0].qas[1]."""
    if not isinstance(document, Mapping) or "data" not in document:
        raise InputError(f"{source} is not in the SQuAD form: it has no 'data' at its top.")
    for article_place, article in _entries(document, "data", f"{source}: "):
        for paragraph_place, paragraph in _entries(article, "paragraphs", f"{article_place}."):
            context = _text(paragraph, "context", paragraph_place)
            for place, entry in _entries(paragraph, "qas", f"{paragraph_place}."):
                yield place, context, entry


def _check_impossible(is_impossible: Any, question: Question, place: str) -> None:
    if not isinstance(is_impossible, bool):
        raise InputError(f"{place}: is_impossible is {is_impossible!r}; expected true or false.")
    if is_impossible and question.answers:
        raise InputError(f"{place}: question {question.id!r} is marked is_impossible but has answers.")
    if not is_impossible and not question.answers:
        raise InputError(
            f"{place}: question {question.id!r} has no answers; mark it is_impossible if it has none."
        )


def _load_rows(source: str, split: str | None, revision: str | None) -> Iterable[Any]:
    """Rows of one split through `datasets`, which since version 3 runs no code of the dataset by default."""
    import datasets

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


def _hub_form(rows: Iterable[Any], source: str) -> Iterator[Question]:
    """Flat rows whose `answers` are two parallel lists; no answers means unanswerable."""
    for index, row in enumerate(rows):
        place = f"{source}: row {index}"
        answers = row["answers"]
        texts, starts = _field(answers, "text", place), _field(answers, "answer_start", place)
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise InputError(f"{place}: 'text' and 'answer_start' must be two lists of the same length.")
        yield _question(row, _text(row, "context", place), list(zip(texts, starts, strict=True)), place)


def _question(entry: Mapping[str, Any], context: str, answers: list[tuple[Any, Any]], place: str) -> Question:
    """Check one question and its (text, start) pairs against the context."""
    name = _text(entry, "id", place)
    checked = []
    for text, start in answers:
        if not isinstance(text, str) or not text or type(start) is not int or start < 0:
            raise InputError(
                f"{place}: question {name!r} has the answer text {text!r} at {start!r}; "
                "expected some text and the character of the context at which it starts."
            )
        there = context[start : start + len(text)]
        if there != text:
            raise InputError(
                f"{place}: question {name!r} has the answer {text!r} at character {start} of its context, "
                f"but {there!r} stands there."
            )
        checked.append(Answer(text, start))
    return Question(name, _text(entry, "question", place, least=0), context, tuple(checked))


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
