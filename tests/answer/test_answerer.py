"""Answers are those of the model in PyTorch, whatever is run together, in whatever order."""

import random
import shutil
import statistics
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny, tiny_tokenizers
from support.folders import SENTENCE, SETTINGS, TOKENIZERS, export_folder
from support.graphs import DIALECTS

from answer import Answer, Answerer, Batching, Engine, InputError, Question, Refusal, open_answerer
from answer.answerer import CHUNK_QUESTIONS
from prune.tasks.batch import Batch, Outputs
from prune.tasks.question_answering import END, START
from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.reader import reader_of
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.torch_runner import torch_runner


def questions(count: int = 14) -> list[Question]:
    """Of many lengths; some contexts take several windows, one is empty, one holds no word known."""
    generator = random.Random(0)
    words = [*SENTENCE.split(), "🌳🌳", "côté", "\n", "剪枝", "[SEP]", "</s>"]
    made = [
        Question(f"q{index}", f"Who {' '.join(generator.choices(words, k=index))}?",
                 " ".join(generator.choices(words, k=1 + index**2)))
        for index in range(count)
    ]  # fmt: skip
    return [
        *made,
        Question("empty", "Who?", ""),
        Question("long", "pear " * 50, SENTENCE),
        Question("", "", "a"),
    ]


def same(found: list[Answer], expected: list[Prediction], threshold: float) -> None:
    """Equal texts and places; odds as near as two runtimes can be."""
    assert [one.id for one in found] == [one.id for one in expected]
    assert [one.text for one in found] == [one.answer(threshold) for one in expected]
    best = [(one.best.text, one.best.start) if one.best else ("", -1) for one in found]
    assert best == [(one.best_text, one.best_start) for one in expected]
    np.testing.assert_allclose(
        [one.null_odds for one in found], [one.null_odds for one in expected], atol=1e-4
    )


@pytest.mark.parametrize("model_type", TOKENIZERS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_answers_are_those_of_torch(tmp_path: Path, model_type: str, dialect: str) -> None:
    model, tokenizer = export_folder(tmp_path / "out", model_type, dialect=dialect)
    asked = questions()
    expected = answer(asked, tokenizer, torch_runner(model), settings=SETTINGS)
    odds = sorted(one.null_odds for one in expected)
    threshold = statistics.mean(odds[8:10])  # of none of them, so that rounding decides nothing
    for max_batch_tokens, max_padding in ((1, 0.0), (100, 0.9), (10_000, 0.99)):
        answerer = open_answerer(
            tmp_path / "out",
            engine=Engine(threads=1),
            refusal=Refusal(null_threshold=threshold),
            batching=Batching(max_batch_tokens, max_padding),
        )
        same(answerer.answer_all(asked), expected, threshold)
    assert {one.refused for one in answerer.answer_all(asked)} == {True, False}
    same(list(answerer.stream(iter(asked), chunk=3)), expected, threshold)
    same([answerer.answer(one.question, one.context) for one in asked], with_no_ids(expected), threshold)


def with_no_ids(expected: list[Prediction]) -> list[Prediction]:
    return [Prediction("", one.best_text, one.null_odds, one.best_start) for one in expected]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a tiny BERT."""
    made = tmp_path_factory.mktemp("folder") / "out"
    export_folder(made)
    return made


@pytest.fixture(scope="module")
def answerer(folder: Path) -> Answerer:
    return open_answerer(folder / "model.onnx", engine=Engine(threads=1))


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_order_and_company_change_nothing(answerer: Answerer, data: st.DataObject) -> None:
    asked = questions()
    alone = {one.id: one for one in answerer.answer_all(asked)}
    chosen = data.draw(st.lists(st.sampled_from(asked), max_size=20))
    found = list(answerer.stream(chosen, chunk=data.draw(st.integers(1, 9)), top_k=2))
    assert [one.id for one in found] == [one.id for one in chosen]
    for one in found:
        assert one.text == alone[one.id].text
        assert one.null_odds == pytest.approx(alone[one.id].null_odds, abs=1e-5)


def test_the_folder_says_how_to_decode(folder: Path, answerer: Answerer) -> None:
    assert answerer.settings == SETTINGS
    asked = questions()
    refused = [one.refused for one in answerer.answer_all(asked)]
    assert refused == [one.null_odds > SETTINGS.null_threshold for one in answerer.answer_all(asked)]
    assert set(refused) == {True, False}
    never = open_answerer(folder, refusal=Refusal(never_refuse=True)).answer_all(asked)
    assert [one.id for one in never if one.refused] == ["q0", "empty"]  # which hold no text
    mine = DecodingSettings(max_length=30, stride=3, max_question_length=5, max_answer_length=1)
    other = open_answerer(folder, settings=mine, refusal=Refusal(null_threshold=5.0))
    assert other.settings.max_answer_length == 1
    assert other.settings.null_threshold == 5.0


def test_windows_are_no_longer_than_the_model_takes(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "out"
    shutil.copytree(folder, copied)
    DecodingSettings().write(copied / DECODING_FILE)
    assert open_answerer(copied).settings == DecodingSettings().clipped(64)
    assert open_answerer(copied).answer("Who?", SENTENCE * 20).spans


def test_a_link_is_followed_to_its_folder(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "linked.onnx"
    link.symlink_to(folder / "model.onnx")
    assert open_answerer(link).answer("Who?", SENTENCE).spans


def test_top_k(answerer: Answerer) -> None:
    found = answerer.answer("Who?", SENTENCE * 3, top_k=7)
    assert len(found.spans) == len({(span.start, span.end) for span in found.spans}) == 7
    best = answerer.answer("Who?", SENTENCE * 3).best
    assert best
    assert (best.text, best.score) == (found.spans[0].text, found.spans[0].score)
    assert best.probability == pytest.approx(found.spans[0].probability, rel=1e-6)
    assert [span.score for span in found.spans] == sorted((span.score for span in found.spans), reverse=True)
    few = answerer.answer("Who?", "Ada", top_k=7).spans
    assert {(SENTENCE * 3)[span.start : span.end] == span.text for span in found.spans} == {True}
    assert few
    assert len(few) < 7


def test_half_of_a_surrogate_pair_is_refused(answerer: Answerer) -> None:
    with pytest.raises(InputError, match="The context of 'q' holds half a surrogate pair"):
        answerer.answer_all([Question("q", "Who?", "a \ud83c b")])
    assert answerer.answer("Who 🌳?", "🌳 Ada").spans


def test_a_stream_reads_no_further_than_it_must(answerer: Answerer) -> None:
    read = 0

    def endless() -> Iterator[Question]:
        nonlocal read
        while True:
            read += 1
            yield Question(str(read), "Who?", "Ada Birch")

    answers = answerer.stream(endless(), chunk=5)
    assert [next(answers).id for _ in range(12)] == [str(number) for number in range(1, 13)]
    assert read == 15
    read = 0
    long = answerer.stream(Question("q", "Who?", "Ada " * 200_000) for _ in iter(endless()))
    assert next(long).id == "q"
    assert read < CHUNK_QUESTIONS / 50


def test_a_streams_error_comes_after_the_answers_before_it(answerer: Answerer) -> None:
    def fails() -> Iterator[Question]:
        yield from questions()[:3]
        raise InputError("the fourth line")

    answers = answerer.stream(fails())
    assert [next(answers).id for _ in range(3)] == ["q0", "q1", "q2"]
    with pytest.raises(InputError, match="the fourth line"):
        next(answers)


def test_progress_rises_to_the_end(answerer: Answerer) -> None:
    asked = questions()
    calls: list[int] = []
    list(answerer.stream(asked, chunk=4, progress=calls.append))
    assert calls == sorted(calls)
    assert calls[-1] == len(asked)
    pairs: list[tuple[int, int]] = []
    answerer.answer_all(asked, progress=lambda *at: pairs.append(at))
    assert pairs[-1][0] == pairs[-1][1]


def test_threads_may_share_it(answerer: Answerer) -> None:
    asked = questions()
    expected = [one.text for one in answerer.answer_all(asked)]
    found: list[list[str]] = []

    def ask() -> None:
        found.extend([one.text for one in answerer.answer_all(asked)] for _ in range(3))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 12


def test_nothing_asked_nothing_answered(answerer: Answerer) -> None:
    assert answerer.answer_all([]) == []
    assert list(answerer.stream([])) == []


def test_any_engine_will_do() -> None:
    shapes = []

    def run(batch: Batch) -> Outputs:
        shapes.append(batch.input_ids.shape)
        ones = batch.input_ids == batch.input_ids.max()
        return dict.fromkeys((START, END), ones.astype(np.float32))

    asked = [Question(str(n), "Who?", "pear " * n) for n in (30, 3, 29, 2)]
    answerer = Answerer.of(
        reader_of(tiny_tokenizers.wordpiece()), run, SETTINGS, Batching(max_batch_tokens=200)
    )
    assert [one.id for one in answerer.answer_all(asked)] == ["30", "3", "29", "2"]
    assert all(rows * longest <= 200 for rows, longest in shapes)
    assert [longest for _, longest in shapes] == sorted((longest for _, longest in shapes), reverse=True)


def test_an_engine_of_another_shape_is_refused() -> None:
    def run(batch: Batch) -> Outputs:
        return dict.fromkeys((START, END), np.zeros((1, 2)))

    answerer = Answerer.of(reader_of(tiny_tokenizers.wordpiece()), run, SETTINGS)
    with pytest.raises(InputError, match=r"logits of shape \(1, 2\)"):
        answerer.answer("Who?", "Ada")


def test_a_model_that_takes_types_from_a_tokenizer_that_has_none(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizers.wordpiece(has_token_types=False)
    model, _ = export_folder(tmp_path / "out", "bert", tokenizer)
    asked = questions()
    expected = answer(asked, tokenizer, torch_runner(model), settings=SETTINGS)
    same(open_answerer(tmp_path / "out").answer_all(asked), expected, SETTINGS.null_threshold)


@pytest.mark.parametrize(
    ("group", "given", "sentence"),
    [
        (Engine, {"threads": 0}, "threads is 0; expected a whole number of at least 1"),
        (Engine, {"threads": 1.5}, "threads is 1.5"),
        (Batching, {"max_batch_tokens": 0}, "max_batch_tokens is 0"),
        (Batching, {"max_padding": 1.0}, "max_padding is 1.0; expected a share"),
        (
            Refusal,
            {"null_threshold": float("nan")},
            "null_threshold is nan; expected a number within 1e\\+30 of 0",
        ),
        (
            Refusal,
            {"null_threshold": 1.0, "never_refuse": True},
            "never_refuse and null_threshold contradict each",
        ),
    ],
)
def test_numbers_out_of_range(group: type, given: dict[str, float], sentence: str) -> None:
    group()
    with pytest.raises(InputError, match=sentence):
        group(**given)


def test_questions_out_of_range(answerer: Answerer) -> None:
    with pytest.raises(InputError, match="top_k is 0"):
        answerer.answer("Who?", "Ada", top_k=0)
    with pytest.raises(InputError, match="chunk is 0"):
        list(answerer.stream([], chunk=0))
    with pytest.raises(InputError, match="The context of 'q' is a NoneType; expected text"):
        answerer.answer_all([Question("q", "Who?", None)])  # type: ignore[arg-type]


def test_what_is_missing_from_the_folder_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file .*nothing"):
        open_answerer(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"should hold one \.onnx file and holds none"):
        open_answerer(tmp_path)
    copied = tmp_path / "out"
    shutil.copytree(folder, copied)
    (copied / DECODING_FILE).unlink()
    with pytest.raises(InputError, match=r"There is no decoding\.json in .* is needed whole"):
        open_answerer(copied)
    assert open_answerer(copied, settings=SETTINGS).answer("Who?", SENTENCE).spans
    (copied / DECODING_FILE).write_text('{"max_length": 9}')
    with pytest.raises(InputError, match="decoding settings have"):
        open_answerer(copied)
    shutil.copy(copied / "model.onnx", copied / "other.onnx")
    with pytest.raises(InputError, match=r"holds model\.onnx, other\.onnx"):
        open_answerer(copied)


def test_the_type_of_every_tiny_model_is_tested() -> None:
    assert set(TOKENIZERS) == set(tiny.MODEL_TYPES)
