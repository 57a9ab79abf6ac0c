"""Both published forms are read alike, and nothing is believed that the file does not bear out."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import natural
from support.real_data import REAL_DATA, needs_real_data

from prune.tasks.question_answering.natural_questions.answers import NqAnswer, Span
from prune.tasks.question_answering.natural_questions.documents import Candidate, read_documents
from prune.tasks.question_answering.natural_questions.shards import _LONGEST_LINE, shards
from trellis.errors import InputError

ANNOTATED = natural.simplified(
    natural.annotation((6, 17), ((7, 9),)),
    natural.annotation((17, 32), ((23, 24), (25, 26))),
    natural.annotation((6, 17), yes_no="YES"),
    natural.annotation(),
    natural.annotation((18, 31)),
)


def test_the_simplified_form(tmp_path: Path) -> None:
    (document,) = read_documents(natural.saved(tmp_path / "a.jsonl", ANNOTATED))
    assert (document.id, document.question) == ("4", "who pruned the tree")
    assert " ".join(document.tokens) == natural.PAGE
    tags = [token for token, is_html in zip(document.tokens, document.is_html, strict=True) if is_html]
    assert tags == [token for token in natural.PAGE.split(" ") if token.startswith("<")]
    assert document.candidates == (
        Candidate(6, 17, True), Candidate(17, 32, True), Candidate(18, 31, False)
    )  # fmt: skip
    assert document.annotations == (
        NqAnswer(Span(6, 17), (Span(7, 9),)),
        NqAnswer(Span(17, 32), (Span(23, 24), Span(25, 26))),
        NqAnswer(Span(6, 17), yes_no="YES"),
        NqAnswer(),
        NqAnswer(Span(18, 31)),
    )


def test_the_original_form_says_the_same_and_has_bytes(tmp_path: Path) -> None:
    entry = natural.original(ANNOTATED)
    first, second = read_documents(natural.saved(tmp_path / "a.jsonl.gz", ANNOTATED, entry))
    assert second.tokens == tuple(token.replace("_", " ") for token in first.tokens)
    assert np.array_equal(first.is_html, second.is_html)
    assert (first.id, first.question, first.candidates) == (second.id, second.question, second.candidates)
    for ours, theirs in zip(first.annotations, second.annotations, strict=True):
        assert ours.yes_no == theirs.yes_no
        spans = [(one.long, *one.short) for one in (ours, theirs)]
        for plain, with_bytes in zip(*spans, strict=True):
            assert (plain is None) == (with_bytes is None)
            if plain and with_bytes:
                assert (plain.start, plain.end) == (with_bytes.start, with_bytes.end)
    short = second.annotations[0].short[0]
    page = entry["document_html"].encode()
    assert page[short.start_byte : short.end_byte] == b"Ada Birch"


def test_less_than_signs_in_the_text_are_no_tags(tmp_path: Path) -> None:
    text = "<P> 1 < 2 > 0 <3 a<b <https://x> </P> <Br/>"
    entry = natural.simplified(document_text=text, long_answer_candidates=[])
    (document,) = read_documents(natural.saved(tmp_path / "a.jsonl", entry))
    assert [token for token, tag in zip(document.tokens, document.is_html, strict=True) if tag] == [
        "<P>",
        "<https://x>",  # looks like one
        "</P>",
        "<Br/>",
    ]


@needs_real_data
def test_real_documents() -> None:
    folder = REAL_DATA / "nq"
    (document,) = read_documents(str(folder / "sample.original.json"))
    assert (len(document.tokens), len(document.candidates), document.id) == (2983, 10, "5225754983651766092")
    assert [one.long for one in document.annotations] == [None] * 3 + [Span(44, 161, 43178, 44666)] * 2
    assert [one.short for one in document.annotations] == [(), (), (), (Span(140, 159, 44318, 44657),), ()]
    (document,) = read_documents(str(folder / "sample.simplified.json"))
    assert document.tokens[1960:1969] == (
        "a",
        "newsletter",
        "sent",
        "to",
        "an",
        "advertising",
        "firm",
        "'s",
        "customers",
    )
    assert sum(1 for _ in read_documents(str(folder / "dev.simplified.jsonl"))) == 500


def test_ids_are_text_and_annotations_may_be_kept_secret(tmp_path: Path) -> None:
    entries = [
        natural.simplified(example_id=-(2**62)),
        natural.simplified(example_id="x7", annotations=None),
    ]
    documents = list(read_documents(natural.saved(tmp_path / "a.json", *entries)))
    assert [document.id for document in documents] == ["-4611686018427387904", "x7"]
    assert [document.annotations for document in documents] == [(), ()]


def test_a_directory_a_glob_and_a_file_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for index, name in enumerate(["c.json", "a.jsonl.gz", "b.jsonl", "d.json.gz"]):
        natural.saved(tmp_path / name, natural.simplified(example_id=index))
    (tmp_path / "README.md").write_text("no documents")
    (tmp_path / "e.json").mkdir()

    def ids(source: str) -> list[str]:
        return [document.id for document in read_documents(source)]

    assert ids(str(tmp_path)) == ["1", "2", "0", "3"]
    assert ids(str(tmp_path / "*.gz")) == ["1", "3"]
    assert ids(str(tmp_path / "b.jsonl")) == ["2"]
    assert shards(str(tmp_path / "**" / "[ab]*")) == [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl"]


def test_blank_lines_a_document_over_many_lines_and_misnamed_files(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(natural.simplified(), indent=2))
    assert len(list(read_documents(str(path)))) == 1
    line = json.dumps(natural.simplified()).encode()
    path.write_bytes(
        gzip.compress(b"\n" + line + b"\r\n\n" + line, mtime=0)
    )  # packed, though its name does not say so
    assert len(list(read_documents(str(path)))) == 2


def test_progress_counts_bytes(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz"):
        natural.saved(tmp_path / name, *[natural.simplified()] * 3)
    seen: list[tuple[int, int]] = []
    list(read_documents(str(tmp_path), lambda done, total: seen.append((done, total))))
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert {whole for _, whole in seen} == {total}
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


@pytest.mark.parametrize("source", ["", "absent.jsonl", "empty", "*.gz"])
def test_a_source_without_files_is_refused(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no Natural Questions at"):
        shards(source)


def wrong(field: str, value: Any) -> dict[str, Any]:
    """ANNOTATED with the field at a path such as "annotations.0.yes_no_answer" set."""
    entry = json.loads(json.dumps(ANNOTATED))
    place = entry
    *path, last = (int(step) if step.isdigit() else step for step in field.split("."))
    for step in path:
        place = place[step]
    place[last] = value
    return entry


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (natural.simplified(document_text=None), "neither 'document_tokens'"),
        (natural.simplified(example_id=None), "no 'example_id'"),
        (natural.simplified(example_id=1.5), "'example_id' is 1.5; expected text"),
        (natural.simplified(example_id=True), "'example_id' is True"),
        (natural.simplified(question_text=None), "no 'question_text'"),
        (natural.simplified(question_text="\ud800"), "'question_text' holds half a surrogate"),
        (natural.simplified(document_text="a \udfff"), "'document_text' holds half a surrogate"),
        (natural.simplified(document_text=["a"]), r"'document_text' is \['a'\]; expected text"),
        (natural.simplified(annotations={}), "'annotations' is {}; expected a list"),
        (natural.simplified(annotations=["x"]), r"annotations\[0\] is 'x'; expected an object"),
        (wrong("annotations.0.yes_no_answer", "MAYBE"), "is 'MAYBE'; expected YES, NO or NONE"),
        (wrong("annotations.0.yes_no_answer", None), "'yes_no_answer' is None"),
        (
            wrong("annotations.1.long_answer.end_token", 37),
            r"annotations\[1\] has tokens 17 to 37, but .* 36",
        ),
        (wrong("annotations.1.short_answers.1.end_token", 99), r"annotations\[1\] has tokens 25 to 99"),
        (wrong("annotations.0.long_answer.end_token", 6), "begins at token 6 and ends before token 6"),
        (wrong("annotations.0.long_answer.end_token", -1), "begins at token 6 and ends before token -1"),
        (wrong("annotations.0.long_answer.end_token", 17.0), "'end_token' is 17.0; expected a whole number"),
        (wrong("annotations.0.long_answer.start_byte", 3), "no 'end_byte'"),
        (wrong("annotations.0.short_answers.0", 8), r"short_answers\[0\] is 8; expected an object"),
        (wrong("long_answer_candidates.2.end_token", 18), r"candidates\[2\] has tokens 18 to 18"),
        (wrong("long_answer_candidates.2.start_token", -1), r"candidates\[2\] has tokens -1 to 31"),
        (wrong("long_answer_candidates.2.top_level", 1), "'top_level' is 1; expected true or false"),
        (wrong("document_tokens", [{"token": "a"}]), r"document_tokens\[0\] is {'token': 'a'}; expected"),
        (
            wrong("document_tokens", [{"token": "\ud800", "html_token": False}]),
            "'document_tokens' holds half a surrogate",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    entry: dict[str, Any], message: str, tmp_path: Path
) -> None:
    source = natural.saved(tmp_path / "a.jsonl", ANNOTATED, entry)
    with pytest.raises(InputError, match=rf"a\.jsonl, line 2.*{message}"):
        list(read_documents(source))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no documents"),
        (b"\n \n", "holds no documents"),
        (b'{"a": 1', "line 1 is not valid JSON"),
        (b'\n["\xff"]', "line 2 is not valid JSON"),
        (b"[" * 100_000, "line 1 is nested too deeply"),
        (b"[]\n", r"line 1 is \[\]; expected an object"),
        (gzip.compress(b"\n\n", mtime=0)[:-3], "cannot be read beyond line 2"),
        (gzip.compress(b"\n\n", mtime=0)[:-8] + b"\0" * 8, "cannot be read beyond line 2"),
        (b"\x1f\x8b" + b"\0" * 30, "cannot be read beyond line 0"),
        (gzip.compress(b"\n" * 9, mtime=0)[:14] + b"\xff" * 30, "cannot be read beyond line"),
    ],
)
def test_files_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_documents(str(tmp_path / "a.jsonl")))


@pytest.mark.parametrize("opening", [b" ", b"{\n"])
def test_a_line_without_end_is_not_read_to_its_end(opening: bytes, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        file.write(opening)
        for _ in range(2 + (_LONGEST_LINE >> 20)):
            file.write(b" " * (1 << 20))
    with pytest.raises(InputError, match="line 1 is longer than 128 MiB"):
        list(read_documents(str(tmp_path)))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = natural.saved(tmp_path / "a.jsonl", ANNOTATED)
    (tmp_path / "link").symlink_to(tmp_path / "link")
    with pytest.raises(InputError):
        shards(str(tmp_path / "link"))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"a\.jsonl cannot be read beyond line 0: Permission denied"):
        list(read_documents(source))
