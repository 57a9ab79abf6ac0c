"""Extractive question answering: where in a text the answer to a question starts and ends, if it is there."""

from prune.tasks.head import Head, HeadLinear
from prune.tasks.task import Task

START, END = "start_logits", "end_logits"
"""Scores of each token, that the answer starts there and that it ends there."""

_HEAD = Head("tokens", (HeadLinear("qa_outputs", out="labels"),), (START, END))

QUESTION_ANSWERING = Task(
    name="question-answering",
    purpose="extractive question answering",
    model_class="ForQuestionAnswering",
    head=lambda family: _HEAD,
    learning="prune.tasks.question_answering.learning",
    own_answers="prune.tasks.question_answering.own_answers",
    labels=("start", "end"),
)
