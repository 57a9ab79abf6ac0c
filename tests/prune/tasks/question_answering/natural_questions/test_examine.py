"""A whole set examined: what comes out depends on the documents and the model alone."""

import json
import random
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import natural, tiny
from support.real_data import REAL_DATA, needs_real_data
from transformers import PreTrainedTokenizerFast

from prune.tasks.batch import Batch, Outputs
from prune.tasks.question_answering import END, START
from prune.tasks.question_answering.natural_questions.examine import NqAnswers, examine
from prune.tasks.question_answering.natural_questions.metrics import score
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.torch_runner import torch_runner
from trellis.errors import InputError

SETTINGS = DecodingSettings(max_length=24, stride=4, max_question_length=8, max_answer_length=6)


def entries(number: int) -> list[dict[str, Any]]:
    """Of three kinds of annotation, with the words of the first paragraph in any order."""
    kinds = [natural.annotation((6, 17), ((7, 9),)), natural.annotation((17, 32)), natural.annotation()]
    made = []
    for index in range(number):
        words = natural.PAGE.split(" ")
        paragraph = words[7:15]
        random.Random(index).shuffle(paragraph)
        text = " ".join([*words[:7], *paragraph, *words[15:]])
        made.append(natural.simplified(*[kinds[index % 3]] * 5, example_id=index, document_text=text))
    return made


def knows(batch: Batch) -> Outputs:
    """An engine that gives the answers which the windows carry for training."""
    rows = np.arange(len(batch.input_ids))
    start, end = np.zeros((2, *batch.input_ids.shape))
    start[rows, batch.labels["start_positions"]] = 4
    end[rows, batch.labels["end_positions"]] = 4
    return {START: start, END: end}


def close(first: NqAnswers, second: NqAnswers) -> bool:
    """Whether both say the same, scores up to float noise."""
    scores = [[(one.long_score, one.short_score) for one in both.predictions] for both in (first, second)]
    return (
        first.golds == second.golds
        and [one.answer for one in first.predictions] == [one.answer for one in second.predictions]
        and np.allclose(*scores, atol=1e-5)
    )


def test_neither_batches_nor_shards_change_the_answers(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    documents = entries(100)
    whole = natural.saved(tmp_path / "whole.jsonl", *documents)
    (tmp_path / "shards").mkdir()
    for index in range(4):
        natural.saved(tmp_path / "shards" / f"{index}.jsonl.gz", *documents[25 * index : 25 * index + 25])
    run = torch_runner(tiny.model())
    found = examine(whole, wordpiece, run, settings=SETTINGS)
    assert [gold.id for gold in found.golds] == [one.id for one in found.predictions]
    assert [gold.id for gold in found.golds] == [str(index) for index in range(100)]
    assert len({one.answer for one in found.predictions}) > 1
    assert close(found, examine(str(tmp_path / "shards"), wordpiece, run, settings=SETTINGS, batch_size=7))
    alone = natural.saved(tmp_path / "alone.jsonl", documents[41])
    (prediction,) = examine(alone, wordpiece, run, settings=SETTINGS).predictions
    assert prediction.answer == found.predictions[41].answer


def test_an_engine_that_knows_answers_all_there_is_to_answer(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    source = natural.saved(tmp_path / "a.jsonl", *entries(30))
    settings = DecodingSettings(max_length=64, stride=4, max_question_length=8)
    found = examine(source, wordpiece, knows, settings=settings)
    assert {one.short_score for one in found.predictions} == {8.0, -8.0}
    both = score(found.golds, found.predictions)
    # Where only the long answer is annotated, all of it is the span: right as long answer, wrong as short.
    assert (both.long.f1, both.long.threshold) == (100, 8)
    assert (both.short.precision, both.short.recall) == (50, 100)


@needs_real_data
def test_on_real_documents_only_what_one_span_cannot_say_is_lost(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    with (REAL_DATA / "nq" / "dev.simplified.jsonl").open() as file:
        source = natural.saved(tmp_path / "a.jsonl", *(json.loads(line) for line in islice(file, 120)))
    found = examine(source, wordpiece, knows, settings=DecodingSettings(max_answer_length=200))
    pieces = [len(gold.annotations[0].short) for gold in found.golds]
    single, several = pieces.count(1), sum(number > 1 for number in pieces)
    assert (single, several) == (91, 1)
    both = score(found.golds, found.predictions)
    assert (both.long.precision, both.long.recall) == (100, 100)
    assert both.short.precision == both.short.recall == pytest.approx(100 * single / (single + several))


def test_answers_become_plain_values_and_come_back(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    documents = [*entries(4), natural.original(natural.simplified(*[natural.annotation((6, 17))] * 5))]
    documents[-1]["example_id"] = "x"
    source = natural.saved(tmp_path / "a.jsonl", *documents)
    found = examine(source, wordpiece, torch_runner(tiny.model()), settings=SETTINGS)
    assert NqAnswers.from_json(json.loads(json.dumps(found.to_json()))) == found
    with pytest.raises(InputError, match=r"The answers: questions\[1\]: 'annotations' is 3"):
        NqAnswers.from_json({"questions": [found.golds[0].to_json(), {"annotations": 3}]})


def test_memory_holds_no_more_windows_than_a_few_documents_have(
    wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    source = natural.saved(tmp_path / "a.jsonl", *entries(200))
    seen: list[tuple[int, int]] = []
    at_first: list[int] = []
    rows = 0

    def run(batch: Batch) -> Outputs:
        nonlocal rows
        rows += len(batch.input_ids)
        return knows(batch)

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == 65:
            at_first.append(rows)

    examine(source, wordpiece, run, settings=SETTINGS, progress=progress)
    assert seen[-1] == (Path(source).stat().st_size,) * 2
    # Before the 65th document is read, the windows of the first 64 have been run.
    assert at_first == [pytest.approx(rows * 64 / 200, rel=0.05)]


def test_an_id_on_two_questions_is_refused(wordpiece: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    source = natural.saved(tmp_path / "a.jsonl", *entries(70), natural.simplified(example_id=3))
    with pytest.raises(InputError, match="the id 3 stands on two questions"):
        examine(source, wordpiece, knows, settings=SETTINGS)
