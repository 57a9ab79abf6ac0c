"""Runs the studies in this folder as commands."""

import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from prune.errors import InputError
from prune.qa.questions import Question


def run_study(study: Callable[..., Any]) -> None:
    """Call `study` with what stands on the command line; an InputError is one sentence and exit code 2."""
    try:
        typer.run(study)
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def draw(generator: random.Random, questions: Sequence[Question], count: int) -> list[Question]:
    """`count` of the questions, or all of them where there are fewer, in an order of chance."""
    return generator.sample(questions, min(count, len(questions)))
