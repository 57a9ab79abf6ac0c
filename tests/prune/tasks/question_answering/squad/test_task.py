"""SQuAD as a task: what names the data, what is trained on, and what is asked and written down."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from support import tiny
from transformers import PreTrainedTokenizerFast

from prune.tasks.question_answering.answer import answer
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.spans import Prediction
from prune.tasks.question_answering.squad.compare import compare
from prune.tasks.question_answering.squad.task import SquadExam, SquadTraining
from prune.tasks.question_answering.windows import make_windows
from prune.tasks.torch_runner import torch_runner

SETTINGS = DecodingSettings(max_length=24, stride=4, max_question_length=6, max_answer_length=5)
CONTEXTS = (
    "The old pear tree was trained against the south wall in 1871 by Ada Birch .",
    "Pruning in winter wakes growth , and pruning in summer calms it , says the gardener who prunes the pear "
    "tree of the old wall in winter and in summer .",
    "Her sons pruned the tree .",
)


def _questions() -> list[Question]:
    made = []
    for index in range(9):
        context = CONTEXTS[index * 2 % 3]
        word = context.split()[index % 4 + 1]
        answers = () if index % 3 == 2 else (Answer(word, context.index(word)),)
        made.append(Question(f"q{index}", "Which tree ?", context, answers))
    return made


QUESTIONS = _questions()


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny.tokenizer([*CONTEXTS, "Which tree ?"])


def test_equal_questions_have_one_fingerprint_and_others_have_others() -> None:
    first, *rest = QUESTIONS
    others = [
        QUESTIONS[1:],
        [*rest, first],
        [replace(first, id="q"), *rest],
        [replace(first, question="What ?"), *rest],
        [replace(first, context=first.context + " "), *rest],
        [replace(first, answers=()), *rest],
        [replace(first, answers=(replace(first.answers[0], start=0),)), *rest],
        [replace(first, answers=first.answers * 2), *rest],
        [],
    ]
    names = {SquadTraining(questions).fingerprint for questions in others}
    assert len(names) == len(others)
    ours = SquadTraining(QUESTIONS).fingerprint
    assert ours not in names
    assert ours == SquadTraining(_questions()).fingerprint == SquadExam(QUESTIONS).fingerprint


def test_windows_of_one_context_are_one_group(tokenizer: PreTrainedTokenizerFast) -> None:
    found = list(SquadTraining(QUESTIONS).windows(tokenizer, SETTINGS))
    sizes = {"max_length": 24, "stride": 4, "max_question_length": 6}
    expected = make_windows(QUESTIONS, tokenizer, **sizes)
    assert len(expected) > len(QUESTIONS)
    for (group, ours), theirs in zip(found, expected, strict=True):
        assert CONTEXTS.index(QUESTIONS[ours.question].context) == {0: 0, 1: 2, 2: 1}[group]
        np.testing.assert_array_equal(ours.input_ids, theirs.input_ids)
        assert (ours.start_position, ours.end_position) == (theirs.start_position, theirs.end_position)


def test_a_sample_is_drawn_by_the_seed_and_0_is_all(tokenizer: PreTrainedTokenizerFast) -> None:
    training = SquadTraining(QUESTIONS[1::3] + QUESTIONS[2::3])  # one window each, or more

    def read(count: int, seed: int) -> list[tuple[int, ...]]:
        return [tuple(window.input_ids) for window in training.sample(count, seed, tokenizer, SETTINGS)]

    def questions(count: int, seed: int) -> int:
        return len({window.question for window in training.sample(count, seed, tokenizer, SETTINGS)})

    assert [questions(count, 0) for count in (0, 1, 4, 6, 99)] == [6, 1, 4, 6, 6]
    assert read(0, 0) == read(0, 1) == read(99, 5)
    assert read(3, 0) == read(3, 0)
    assert len({str(read(3, seed)) for seed in range(8)}) > 1


def test_an_exam_asks_what_answer_asks(tokenizer: PreTrainedTokenizerFast) -> None:
    runner = torch_runner(tiny.model(seed=1))
    exam = SquadExam(QUESTIONS)
    told: list[tuple[int, int]] = []
    found = exam.ask(runner, tokenizer, SETTINGS, lambda done, total: told.append((done, total)))
    assert found == answer(QUESTIONS, tokenizer, runner, settings=SETTINGS)
    assert told[-1][0] == told[-1][1] > 0
    assert exam.num_questions == 9


def test_answers_come_back_from_json_as_they_were() -> None:
    exam = SquadExam(QUESTIONS)
    answers = [
        Prediction("q0", "größer „als“", -1.2345678901234567, 3),
        Prediction("q1", "", math.inf, -1),
        Prediction("q2", "pear", 0.1 + 0.2, 0),
    ]
    written = json.dumps(exam.to_json(answers), allow_nan=False)
    assert exam.from_json(json.loads(written)) == answers


def test_two_models_are_compared_as_compare_does(tokenizer: PreTrainedTokenizerFast) -> None:
    exam = SquadExam(QUESTIONS)
    before, after = (
        exam.ask(torch_runner(tiny.model(seed=seed)), tokenizer, SETTINGS, None) for seed in (1, 2)
    )
    habit = exam.habit(before, 0.0)
    assert habit.refused == sum(one.null_odds > 0 for one in before) / len(QUESTIONS)
    assert exam.compare(before, after, habit) == compare(QUESTIONS, before, after, habit)
