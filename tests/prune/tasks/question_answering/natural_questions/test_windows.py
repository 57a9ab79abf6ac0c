"""Training windows: every one with the answer, and a share of the others that no order or division changes."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import natural
from transformers import PreTrainedTokenizerFast

from prune.tasks.question_answering.natural_questions.documents import read_documents
from prune.tasks.question_answering.natural_questions.passages import Passage, passage_of
from prune.tasks.question_answering.natural_questions.windows import group_of, training_windows
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import NULL_POSITION, Window
from trellis.errors import InputError

SETTINGS = DecodingSettings(max_length=24, stride=4, max_question_length=4)

Row = tuple[int, int, tuple[int, ...], int, int]


def entries(number: int) -> list[dict[str, Any]]:
    """Documents of several windows, no two of the same tokens."""
    return [
        natural.simplified(
            natural.annotation((6, 17), ((7, 9),)) if index % 2 else natural.annotation(), example_id=index
        )
        for index in range(number)
    ]


def rows(source: str, tokenizer: PreTrainedTokenizerFast, **options: Any) -> Iterator[Row]:
    for group, window in training_windows(source, tokenizer, settings=SETTINGS, **options):
        yield group, window.question, tuple(window.input_ids), window.start_position, window.end_position


def answer_span(passage: Passage, window: Window) -> tuple[int, int]:
    """The tokens of the document that the target stands for."""
    first, last = window.offsets[window.start_position, 0], window.offsets[window.end_position, 1]
    span = passage.span(int(first), int(last))
    return span.start, span.end


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (natural.annotation((17, 32), ((25, 26), (23, 24))), (25, 26)),
        (natural.annotation((6, 17)), (7, 16)),
        (natural.annotation((17, 32), yes_no="NO"), (20, 29)),
        (natural.annotation((17, 32), ((14, 21),)), (14, 21)),
    ],
)
def test_targets_are_the_wanted_tokens(
    annotation: dict[str, Any],
    wanted: tuple[int, int],
    tokenizer: PreTrainedTokenizerFast,
    tmp_path: Path,
) -> None:
    source = natural.saved(tmp_path / "a.jsonl.gz", natural.original(natural.simplified(annotation)))
    (document,) = read_documents(source)
    settings = DecodingSettings(max_length=90, stride=40, max_question_length=4)
    found = [window for _, window in training_windows(source, tokenizer, settings=settings, null_share=0)]
    assert found
    assert {answer_span(passage_of(document), window) for window in found} == {wanted}


def test_an_answer_that_no_window_holds_is_no_target(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    long = natural.saved(tmp_path / "a.jsonl", natural.simplified(natural.annotation((6, 17))))
    settings = DecodingSettings(max_length=14, stride=2, max_question_length=3)
    assert not list(training_windows(long, wordpiece, settings=settings, null_share=0))
    windows = [window for _, window in training_windows(long, wordpiece, settings=settings, null_share=1)]
    assert len(windows) > 2
    assert {(window.start_position, window.end_position) for window in windows} == {(NULL_POSITION,) * 2}


def test_which_windows_are_kept_depends_on_neither_files_nor_order(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    documents = entries(80)
    whole = natural.saved(tmp_path / "whole.jsonl", *documents)
    (tmp_path / "shards").mkdir()
    for index in range(7):
        natural.saved(tmp_path / "shards" / f"{6 - index}.jsonl.gz", *reversed(documents[index::7]))

    def kept(source: str) -> Counter[tuple[Any, ...]]:
        found = rows(source, wordpiece, null_share=0.4)
        return Counter((group, *rest) for group, _, *rest in found)

    first, second = kept(whole), kept(str(tmp_path / "shards"))
    assert first == second
    assert first != kept(natural.saved(tmp_path / "fewer.jsonl", *documents[1:]))


def test_the_share_is_kept_and_the_seed_decides(wordpiece: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    source = natural.saved(tmp_path / "a.jsonl", *entries(300))
    everything = list(rows(source, wordpiece, null_share=1))
    answered = [row for row in everything if row[-1] != NULL_POSITION]
    assert list(rows(source, wordpiece, null_share=0)) == answered
    number = len(everything) - len(answered)
    some = list(rows(source, wordpiece, null_share=0.3))
    assert len(some) - len(answered) == pytest.approx(0.3 * number, abs=4 * (0.21 * number) ** 0.5)
    assert set(answered) < set(some) < set(rows(source, wordpiece, null_share=0.6)) < set(everything)
    assert some == list(rows(source, wordpiece, null_share=0.3, seed=0))
    assert some != list(rows(source, wordpiece, null_share=0.3, seed=1))
    few = len(list(rows(source, wordpiece))) - len(answered)
    assert few == pytest.approx(0.02 * number, abs=4 * (0.02 * number) ** 0.5)


def test_groups_are_documents_and_questions_count_them(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    source = natural.saved(tmp_path / "a.jsonl", *entries(100))
    found = list(rows(source, wordpiece, null_share=1))
    assert {(group, question) for group, question, *_ in found} == {
        (group_of(str(index)), index) for index in range(100)
    }
    assert len({group for group, *_ in found}) == 100
    assert [question for _, question, *_ in found] == sorted(question for _, question, *_ in found)
    assert group_of("5655493461695504401") == 3839744262286203701  # the split of a stored set hangs on it
    assert min(map(group_of, map(str, range(100)))) < 0
    assert all(-(2**63) <= group_of(str(index)) < 2**63 for index in range(100))


def test_a_set_without_annotations_and_a_share_that_is_none_are_refused(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    secret = natural.saved(tmp_path / "a.jsonl", *entries(2), natural.simplified(example_id=9))
    with pytest.raises(InputError, match=r"Question 9 .*has no annotations"):
        list(rows(secret, wordpiece))
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="share of windows without an answer"):
            list(rows(secret, wordpiece, null_share=share))
