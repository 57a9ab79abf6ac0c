"""Answer questions with a folder that prune-export wrote: text in, answer out.

Needs neither torch nor transformers. Importing this package is light; the runtime is loaded when a folder is opened.
"""

from typing import TYPE_CHECKING

from trellis.lazy import attributes_of

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


__getattr__ = attributes_of(__name__, _HOMES)
