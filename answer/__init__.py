"""Answer questions with a folder that prune-export wrote: text in, answer out.

Needs neither torch nor transformers; the runtime is loaded when a folder is opened.
"""

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
