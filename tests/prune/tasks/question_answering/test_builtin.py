"""The built-in questions keep what their purpose asks of them, and their halves share nothing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune.tasks.question_answering.builtin import builtin_questions, halves, search_questions
from prune.tasks.question_answering.questions import Question
from trellis.errors import InputError

QUESTIONS = builtin_questions()
CONTEXTS = Counter(question.context for question in QUESTIONS)


def test_size_and_balance() -> None:
    assert len(QUESTIONS) == 338
    assert len(CONTEXTS) == 60
    assert sum(not question.answers for question in QUESTIONS) == 112
    assert set(CONTEXTS.values()) <= {4, 5, 6}
    assert len({question.id for question in QUESTIONS}) == len(QUESTIONS)
    assert len({(question.question, question.context) for question in QUESTIONS}) == len(QUESTIONS)


def test_paragraphs_have_the_length_of_a_paragraph() -> None:
    assert all(60 <= len(context.split()) <= 140 for context in CONTEXTS)


def test_answers_are_whole_words_of_their_context() -> None:
    for question in QUESTIONS:
        for answer in question.answers:
            end = answer.start + len(answer.text)
            assert question.context[answer.start : end] == answer.text
            assert answer.text == answer.text.strip()
            around = question.context[answer.start - 1 : answer.start] + question.context[end : end + 1]
            assert not any(character.isalnum() for character in around), question.id


def test_questions_are_of_many_kinds() -> None:
    kinds = Counter(question.question.split()[0] for question in QUESTIONS)
    assert all(kinds[word] >= 10 for word in ("Who", "What", "When", "Where", "How", "Why", "Which"))
    lengths = [len(question.answers[0].text.split()) for question in QUESTIONS if question.answers]
    assert sum(length <= 2 for length in lengths) > 60
    assert sum(length >= 5 for length in lengths) > 40


def test_every_paragraph_asks_both_kinds() -> None:
    for context in CONTEXTS:
        answered = {bool(question.answers) for question in QUESTIONS if question.context == context}
        assert answered == {True, False}


@pytest.mark.parametrize("seed", range(5))
def test_halves_of_the_built_in_set(seed: int) -> None:
    scoring, checking = halves(QUESTIONS, seed)
    assert not {question.context for question in scoring} & {question.context for question in checking}
    assert sorted(question.id for question in scoring + checking) == sorted(q.id for q in QUESTIONS)
    assert abs(len(scoring) - len(checking)) <= 6
    assert (scoring, checking) == halves(QUESTIONS, seed)


def test_another_seed_divides_otherwise() -> None:
    assert halves(QUESTIONS, 0) != halves(QUESTIONS, 1)


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=12), seed=st.integers(0, 2**32))
def test_halves_differ_by_at_most_one_paragraph(sizes: list[int], seed: int) -> None:
    questions = [
        Question(f"{paragraph}-{index}", "Who?", f"Paragraph {paragraph}.")
        for paragraph, size in enumerate(sizes)
        for index in range(size)
    ]
    scoring, checking = halves(questions, seed)
    assert scoring
    assert checking
    assert abs(len(scoring) - len(checking)) <= max(sizes)
    assert [q for q in questions if q in scoring] == scoring


def test_one_paragraph_cannot_be_divided() -> None:
    with pytest.raises(InputError, match="1 paragraph"):
        halves([Question("a", "Who?", "Someone."), Question("b", "When?", "Someone.")], 0)


def test_a_search_asks_four_questions_of_each_paragraph_in_order() -> None:
    every, drawn = builtin_questions(), search_questions(3)
    assert Counter(question.context for question in drawn) == dict.fromkeys({q.context for q in every}, 4)
    assert drawn == [question for question in every if question in drawn]
    assert drawn == search_questions(3) != search_questions(4)
    assert 0.25 < sum(not question.answers for question in drawn) / len(drawn) < 0.42
