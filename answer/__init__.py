"""Answer questions with a folder that prune-export wrote: text in, answer out.

Needs neither torch nor transformers. Importing this package is light; the runtime is loaded when a folder is opened.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from answer.answerer import Answerer, open_answerer
    from answer.answers import Answer, Span
    from answer.options import Batching, Engine, Refusal
    from prune.tasks.question_answering.questions import Question
    from trellis.errors import InputError

__all__ = [
    "Answer",
    "Answerer",
    "Batching",
    "Engine",
    "InputError",
    "Question",
    "Refusal",
    "Span",
    "open_answerer",
]

_HOMES = {
    "Answer": "answer.answers",
    "Answerer": "answer.answerer",
    "Batching": "answer.options",
    "Engine": "answer.options",
    "InputError": "trellis.errors",
    "Question": "prune.tasks.question_answering.questions",
    "Refusal": "answer.options",
    "Span": "answer.answers",
    "open_answerer": "answer.answerer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'answer' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
