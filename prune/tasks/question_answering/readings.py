"""The forms in which annotated questions are read: one folder for each, and one line here."""

from prune.tasks.question_answering.natural_questions.task import NATURAL_QUESTIONS
from prune.tasks.question_answering.reading import Reading
from prune.tasks.question_answering.squad.task import SQUAD
from trellis.errors import InputError

READINGS: dict[str, Reading] = {reading.name: reading for reading in (SQUAD, NATURAL_QUESTIONS)}


def reading_of(name: object) -> Reading:
    """The reading of that name; raises InputError naming it and those that there are."""
    if not isinstance(name, str) or name not in READINGS:
        raise InputError(f"The form of the questions is {name!r}; expected {' or '.join(READINGS)}.")
    return READINGS[name]
