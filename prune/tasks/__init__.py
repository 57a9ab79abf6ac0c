"""The tasks that are supported: one folder for each, and one line here.

A new one says in its folder what `Task` asks for; question_answering is the one to copy.
tests/prune/tasks/test_contract.py holds whatever is registered to the same.
"""

from collections.abc import Sequence

from prune.tasks.question_answering import QUESTION_ANSWERING
from prune.tasks.task import Task
from trellis.errors import InputError

TASKS: dict[str, Task] = {task.name: task for task in (QUESTION_ANSWERING,)}


def task_of(name: object) -> Task:
    """The task of that name; raises InputError naming it and the supported ones."""
    if not isinstance(name, str) or name not in TASKS:
        raise InputError(f"The model's task is {name!r}; supported are {', '.join(sorted(TASKS))}.")
    return TASKS[name]


def task_of_class(architectures: object) -> Task:
    """The task whose class a config's `architectures` name first; question answering where they name none of ours."""
    named = architectures[0] if isinstance(architectures, Sequence) and architectures else None
    found = (task for task in TASKS.values() if isinstance(named, str) and named.endswith(task.model_class))
    return next(found, QUESTION_ANSWERING)
