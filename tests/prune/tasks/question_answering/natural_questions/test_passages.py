"""What a model reads of a document, and the way back to the document's tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from natural_questions import text_utils
from support import natural
from transformers import PreTrainedTokenizerFast

from prune.tasks.question_answering.natural_questions.answers import NqAnswer, Span
from prune.tasks.question_answering.natural_questions.documents import Candidate, Document, read_documents
from prune.tasks.question_answering.natural_questions.passages import (
    Passage,
    passage_of,
    read_passages,
    windows_of,
)
from prune.tasks.question_answering.questions import Answer
from prune.tasks.question_answering.settings import DecodingSettings

READ = "Ada Birch pruned the pear tree in 1871 . Her sons , Tom and Will , helped ."


def passage(directory: Path, *annotations: dict[str, Any], **changes: Any) -> Passage:
    source = natural.saved(directory / "a.jsonl", natural.simplified(*annotations, **changes))
    (document,) = read_documents(source)
    return passage_of(document)


def candidates(*spans: tuple[int, int, bool]) -> list[dict[str, Any]]:
    return [{"start_token": start, "end_token": end, "top_level": top} for start, end, top in spans]


def test_words_of_the_top_level_candidates_are_read(tmp_path: Path) -> None:
    found = passage(tmp_path)
    assert (found.question.id, found.question.question) == ("4", "who pruned the tree")
    assert found.question.context == READ
    assert found.tokens.tolist() == [*range(7, 16), *range(20, 29)]
    assert [READ[start:].split()[0] for start in found.starts] == READ.split()


@pytest.mark.parametrize(
    ("spans", "read"),
    [
        ([(6, 17, False), (17, 32, True)], "Her sons , Tom and Will , helped ."),
        ([(17, 32, True), (6, 17, True)], READ),  # the document's order, not the list's
        ([(6, 12, True), (9, 17, True)], "Ada Birch pruned the pear tree in 1871 ."),  # nothing twice
        ([(17, 20, True)], ""),
        ([], ""),
    ],
)
def test_each_word_is_read_once_in_the_order_of_the_page(
    spans: list[tuple[int, int, bool]], read: str, tmp_path: Path
) -> None:
    assert passage(tmp_path, long_answer_candidates=candidates(*spans)).question.context == read


def test_tokens_of_white_space_are_not_read(tmp_path: Path) -> None:
    text = "<P> a   \u2003 b </P>"  # three empty tokens, one of a wide space
    found = passage(tmp_path, document_text=text, long_answer_candidates=candidates((0, 7, True)))
    assert found.question.context == "a b"
    assert found.span(0, 3) == Span(1, 6)


@pytest.mark.parametrize(
    ("annotations", "wanted"),
    [
        ([natural.annotation((6, 17), ((7, 9), (11, 13)))], "Ada Birch"),  # the first of two pieces
        ([natural.annotation((6, 17))], "Ada Birch pruned the pear tree in 1871 ."),
        ([natural.annotation((18, 31), yes_no="YES")], "Her sons , Tom and Will , helped ."),
        ([natural.annotation((6, 17)), natural.annotation((17, 32), ((23, 24),))], "Tom"),
        ([natural.annotation(), natural.annotation((6, 17), ((11, 13),))], "pear tree"),
        ([natural.annotation()], None),
        ([], None),
        ([natural.annotation((6, 17), ((1, 2),))], None),  # outside of what is read
        ([natural.annotation((6, 17), ((14, 21),))], "1871 . Her"),  # tags within are passed over
    ],
)
def test_what_is_trained_on(annotations: list[dict[str, Any]], wanted: str | None, tmp_path: Path) -> None:
    expected = () if wanted is None else (Answer(wanted, READ.index(wanted)),)
    assert passage(tmp_path, *annotations).question.answers == expected


def test_the_long_answer_is_the_first_top_level_candidate_that_holds_the_short_one(tmp_path: Path) -> None:
    found = passage(tmp_path)
    assert found.long_answer(Span(7, 9)) == Span(6, 17)
    assert found.long_answer(Span(20, 29)) == Span(17, 32)  # not the row within
    assert found.long_answer(Span(15, 21)) is None
    overlapping = candidates((0, 3, True), (9, 30, True), (6, 17, True))
    assert passage(tmp_path, long_answer_candidates=overlapping).long_answer(Span(10, 12)) == Span(9, 30)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "pear", "ü", "中文", "x y", ""]), min_size=1, max_size=20),
    st.data(),
)
def test_characters_lead_back_to_the_tokens_they_came_from(words: list[str], data: st.DataObject) -> None:
    is_html = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    readable = [index for index, word in enumerate(words) if word and not is_html[index]]
    annotations: tuple[NqAnswer, ...] = ()
    if readable:
        first, last = sorted(data.draw(st.sampled_from(readable)) for _ in range(2))
        annotations = (NqAnswer(Span(0, len(words)), (Span(first, last + 1),)),)
    found = passage_of(
        Document("d", "?", tuple(words), np.array(is_html), (Candidate(0, len(words), True),), annotations)
    )
    assert found.question.context == " ".join(words[index] for index in readable)
    for index, start in zip(readable, found.starts.tolist(), strict=True):
        assert found.span(start, start + len(words[index])) == Span(index, index + 1)
    for answer in found.question.answers:
        assert found.span(answer.start, answer.start + len(answer.text)) == Span(first, last + 1)


def test_few_documents_are_held_at_once(tmp_path: Path) -> None:
    short = [natural.simplified(example_id=index) for index in range(130)]
    lists = list(read_passages(natural.saved(tmp_path / "short.jsonl", *short)))
    assert [len(passages) for passages in lists] == [64, 64, 2]
    assert [one.gold.id for passages in lists for one in passages] == [str(index) for index in range(130)]
    text = "<P> " + "pear " * 130_000 + "</P>"
    spans = candidates((0, 130_002, True))
    long = [
        natural.simplified(example_id=index, document_text=text, long_answer_candidates=spans)
        for index in range(3)
    ]
    lists = list(read_passages(natural.saved(tmp_path / "long.jsonl", *long)))
    assert [len(passages) for passages in lists] == [2, 1]


def test_both_forms_read_the_same(tmp_path: Path) -> None:
    entry = natural.simplified(natural.annotation((6, 17), ((7, 9),)))
    original = natural.original(entry)
    source = natural.saved(tmp_path / "a.jsonl", entry, original)
    natural.saved(tmp_path / "b.jsonl", text_utils.simplify_nq_example(original))  # takes the bytes out of it
    first, *others = (passage_of(one) for one in read_documents(source))
    (theirs,) = (passage_of(one) for one in read_documents(str(tmp_path / "b.jsonl")))
    for other in (*others, theirs):
        assert other.question == first.question
        assert np.array_equal(other.tokens, first.tokens)


def test_a_document_of_100000_tokens(tmp_path: Path, wordpiece: PreTrainedTokenizerFast) -> None:
    made = passage(
        tmp_path,
        natural.annotation((0, 100_000), ((99_000, 99_002),)),
        document_text=" ".join(["<P>", *["pear"] * 99_998, "</P>"]),
        long_answer_candidates=candidates((0, 100_000, True)),
    )
    windows = list(windows_of([made], wordpiece, DecodingSettings()))
    answered = [window for window in windows if window.end_position]
    assert len(windows) > 300
    assert len(answered) in (1, 2)
    for window in answered:
        start, end = window.offsets[window.start_position, 0], window.offsets[window.end_position, 1]
        assert made.span(int(start), int(end)) == Span(99_000, 99_002)
