"""A model's answers to a whole set of Natural Questions, with what the annotators said of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prune.tasks.batch import Run
from prune.tasks.question_answering.answer import Progress, run_windows
from prune.tasks.question_answering.natural_questions.answers import Gold
from prune.tasks.question_answering.natural_questions.decode import decode
from prune.tasks.question_answering.natural_questions.fields import checked, entries
from prune.tasks.question_answering.natural_questions.passages import read_passages, windows_of
from prune.tasks.question_answering.natural_questions.predictions import NqPrediction, from_json, to_json
from prune.tasks.question_answering.settings import DecodingSettings
from prune.tasks.question_answering.windows import BATCH_SIZE, pad_token_id_of
from trellis.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class NqAnswers:
    """Questions and answers, in the same order: all that scoring needs, without the documents."""

    golds: tuple[Gold, ...]
    predictions: tuple[NqPrediction, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values: predictions in the official form, the annotations beside them."""
        return {"questions": [gold.to_json() for gold in self.golds], **to_json(self.predictions)}

    @classmethod
    def from_json(cls, data: Any, place: str = "The answers") -> "NqAnswers":
        """Inverse of `to_json`; raises InputError, naming `place`, where something is wrong in `data`."""
        data = checked(data, dict, place)
        golds = (Gold.from_json(one, there) for there, one in entries(data, "questions", place))
        return cls(tuple(golds), tuple(from_json(data, place)))


def examine(
    source: str,
    tokenizer: "PreTrainedTokenizerBase",
    run: Run,
    *,
    settings: DecodingSettings,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
) -> NqAnswers:
    """Answer the questions of `source`, see `shards`, in its order; memory holds a few documents at a time.

    Every question gets its best answer; `settings.null_threshold` plays no part, since scoring finds it.
    `progress` is called with (bytes of the files read, bytes in all). Raises InputError where
    `read_documents`, `make_windows` or `decode` does, and where an id stands on two questions.
    """
    golds: dict[str, Gold] = {}
    predictions: list[NqPrediction] = []
    pad_token_id = pad_token_id_of(tokenizer)
    for passages in read_passages(source, progress):
        for passage in passages:
            if passage.gold.id in golds:
                raise InputError(
                    f"{source}: the id {passage.gold.id} stands on two questions; ids must be unique."
                )
            golds[passage.gold.id] = passage.gold
        windows = windows_of(passages, tokenizer, settings)
        read = run_windows(windows, run, pad_token_id=pad_token_id, batch_size=batch_size)
        predictions += decode(passages, read, max_answer_length=settings.max_answer_length)
    return NqAnswers(tuple(golds.values()), tuple(predictions))
