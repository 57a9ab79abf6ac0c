"""Questions that come with the project: the model answers them itself, and its answers become the labels.

Sixty paragraphs on many subjects with 338 questions, a third of which their paragraph does not answer.
Persons and places of the notices, manuals, contracts and reports among them are invented.
"""

import random
from collections import Counter
from collections.abc import Sequence
from importlib import resources

from prune.tasks.question_answering.questions import Question
from prune.tasks.question_answering.squad.reading import read_squad
from trellis.errors import InputError

QUESTIONS_PER_PARAGRAPH = 4
"""Of the four to six that there are."""


def builtin_questions() -> list[Question]:
    """All built-in questions, in the order of their file; those of one paragraph stand together."""
    with resources.as_file(resources.files("prune.tasks.question_answering") / "builtin.json") as path:
        return read_squad(str(path))


def search_questions(seed: int) -> list[Question]:
    """Four of each paragraph's built-in questions, drawn with `seed`, in the order of their file.

    All of them would take a search on BERT-base beyond five minutes on two cores.
    """
    generator = random.Random(seed)
    questions = builtin_questions()
    chosen: set[str] = set()
    for context in dict.fromkeys(question.context for question in questions):
        ids = [question.id for question in questions if question.context == context]
        chosen.update(generator.sample(ids, QUESTIONS_PER_PARAGRAPH))
    return [question for question in questions if question.id in chosen]


def halves(questions: Sequence[Question], seed: int) -> tuple[list[Question], list[Question]]:
    """Divide `questions` into (scoring, checking), which share no paragraph; each keeps the order given.

    Sizes differ by no more than the questions of one paragraph. Raises InputError for a single paragraph.
    """
    per_paragraph = Counter(question.context for question in questions)
    if len(per_paragraph) < 2:
        raise InputError(
            f"The calibration questions have {len(per_paragraph)} paragraph(s); at least two are needed, "
            "so that what scores the model is not what checks it."
        )
    paragraphs = list(per_paragraph)
    random.Random(seed).shuffle(paragraphs)
    scoring: set[str] = set()
    balance = 0
    for paragraph in paragraphs:
        if balance <= 0:
            scoring.add(paragraph)
            balance += per_paragraph[paragraph]
        else:
            balance -= per_paragraph[paragraph]
    return (
        [question for question in questions if question.context in scoring],
        [question for question in questions if question.context not in scoring],
    )
