"""Natural Questions behind the doors that every task has: training data and an exam."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import natural, tiny
from transformers import PreTrainedTokenizerFast

from prune.tasks.batch import Batch, Outputs
from prune.tasks.question_answering import END, START
from prune.tasks.question_answering.natural_questions import task
from prune.tasks.question_answering.natural_questions.examine import NqAnswers
from prune.tasks.question_answering.natural_questions.metrics import score
from prune.tasks.question_answering.natural_questions.task import NqExam, NqTraining, fingerprint
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.significance import Interval
from prune.tasks.question_answering.windows import NULL_POSITION, Window
from prune.tasks.torch_runner import torch_runner
from trellis.errors import InputError

SETTINGS = DecodingSettings(max_length=24, stride=4, max_question_length=8, max_answer_length=6)


def entries(count: int) -> list[dict[str, Any]]:
    """Every third one without an answer."""
    answered, unanswered = natural.annotation((6, 17), ((7, 9),)), natural.annotation()
    return [
        natural.simplified(answered if index % 3 else unanswered, example_id=index) for index in range(count)
    ]


def rows(windows: list[Window]) -> list[tuple[int, list[int], int, int]]:
    return [(one.question, one.input_ids.tolist(), one.start_position, one.end_position) for one in windows]


def test_a_source_without_files_is_refused_at_once() -> None:
    for kind in (NqTraining, NqExam):
        with pytest.raises(InputError, match="no Natural Questions at"):
            kind("absent.jsonl")


def test_the_fingerprint_names_what_is_in_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = natural.saved(tmp_path / "a.jsonl", *entries(3))
    second = natural.saved(tmp_path / "b.jsonl", *entries(3))
    other = natural.saved(tmp_path / "c.jsonl", *entries(4))
    assert NqExam(first).fingerprint == NqExam(second).fingerprint != NqExam(other).fingerprint
    trained = {NqTraining(first, share, seed).fingerprint for share in (0.02, 0.5) for seed in (0, 1)}
    assert len(trained) == 4
    # A set too large to be read for it: names, sizes and dates.
    monkeypatch.setattr(task, "_MOST_TO_DIGEST", 10)
    before = fingerprint(first)
    assert before == fingerprint(first) != fingerprint(second)
    os.utime(first, ns=(1, 1))
    assert fingerprint(first) != before


def test_a_sample_does_not_depend_on_how_the_set_is_divided(
    tmp_path: Path, wordpiece: PreTrainedTokenizerFast
) -> None:
    documents = entries(150)
    whole = NqTraining(natural.saved(tmp_path / "a.jsonl", *documents), null_share=0)
    (tmp_path / "shards").mkdir()
    for shard in range(3):
        natural.saved(tmp_path / "shards" / f"{shard}.jsonl.gz", *documents[::-1][shard::3])
    divided = NqTraining(str(tmp_path / "shards"), null_share=0)
    sample = whole.sample(20, 1, wordpiece, SETTINGS)
    assert rows(sample) == rows(divided.sample(20, 1, wordpiece, SETTINGS))
    assert {window.question for window in sample} == set(range(20))
    assert all(window.end_position != NULL_POSITION for window in sample)


def test_a_sample_is_drawn_anew_with_each_seed_and_of_all_documents_alike(
    tmp_path: Path, wordpiece: PreTrainedTokenizerFast
) -> None:
    asked = [entry | {"question_text": f"who {index}"} for index, entry in enumerate(entries(30))]
    training = NqTraining(natural.saved(tmp_path / "a.jsonl", *asked), null_share=1)
    drawn = {seed: rows(training.sample(10, seed, wordpiece, SETTINGS)) for seed in range(20)}
    assert drawn[0] != drawn[1]
    every = training.sample(30, 0, wordpiece, SETTINGS)
    assert sorted(row[1:] for row in rows(every)) == sorted(
        row[1:] for row in rows(training.sample(0, 0, wordpiece, SETTINGS))
    )
    assert len(training.sample(99, 0, wordpiece, SETTINGS)) == len(every)


def test_windows_are_those_of_training_windows(tmp_path: Path, wordpiece: PreTrainedTokenizerFast) -> None:
    training = NqTraining(natural.saved(tmp_path / "a.jsonl", *entries(30)), null_share=0.5, seed=3)
    windows = list(training.windows(wordpiece, SETTINGS))
    assert training.num_questions is None
    assert len({group for group, _ in windows}) == len({window.question for _, window in windows})
    assert len(windows) < len(list(NqTraining(training.source, 1).windows(wordpiece, SETTINGS)))


def test_an_exam_from_asking_to_comparing(tmp_path: Path, wordpiece: PreTrainedTokenizerFast) -> None:
    annotations = [natural.annotation((6, 17), ((7, 9),))] * 5
    documents = [natural.simplified(*annotations, example_id=index) for index in range(70)]
    exam = NqExam(natural.saved(tmp_path / "dev.jsonl.gz", *documents))
    seen: list[tuple[int, int]] = []
    before, after = (
        exam.ask(torch_runner(tiny.model(seed=seed)), wordpiece, SETTINGS, lambda *at: seen.append(at))
        for seed in (0, 1)
    )
    assert exam.num_questions is None
    assert seen[-1][0] == seen[-1][1] == Path(exam.source).stat().st_size
    assert [gold.id for gold in before.golds] == [str(index) for index in range(70)]
    assert list(exam.questions_of(before)) == [str(index) for index in range(70)]
    assert exam.from_json(json.loads(json.dumps(exam.to_json(before)))) == before
    found = exam.compare(before, after, exam.habit(before, 0.0))
    assert found.before.short.score == score(before.golds, before.predictions).short
    assert found.after.long.score == score(after.golds, after.predictions).long


def test_an_engine_that_knows_the_answers_is_right(
    tmp_path: Path, wordpiece: PreTrainedTokenizerFast
) -> None:
    annotations = [natural.annotation((6, 17), ((7, 9),))] * 5
    source = natural.saved(tmp_path / "dev.jsonl", natural.simplified(*annotations))
    ids = wordpiece("Ada Birch", add_special_tokens=False)["input_ids"]

    def run(batch: Batch) -> Outputs:
        start = np.zeros(batch.input_ids.shape, np.float32)
        end = start.copy()
        for row, tokens in enumerate(batch.input_ids.tolist()):
            for place in range(len(tokens)):
                if tokens[place : place + len(ids)] == ids:
                    start[row, place], end[row, place + len(ids) - 1] = 3, 4
        return {START: start, END: end}

    answers: NqAnswers = NqExam(source).ask(run, wordpiece, SETTINGS)
    found = NqExam(source).compare(answers, answers, NqExam(source).habit(answers, -7.5))
    assert (found.before.long.score.f1, found.before.short.score.f1) == (100, 100)
    assert found.figures[0].change == Interval(0, 0, 0)
    assert found.null_threshold is None  # every question has an answer: nothing to learn refusing from
    assert found.after.null_threshold == -7.5
    assert found.after.long.score.threshold == 7


def test_importing_the_task_loads_nothing_heavy() -> None:
    program = "import sys, prune.tasks.question_answering.natural_questions.task\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "datasets"} & set(done.stdout.split())
