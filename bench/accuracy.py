"""What the speed cost: exact match and F1 of a model, run by the engine that was timed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.models import Model
from bench.runners import Logits, runner
from prune.errors import InputError
from prune.qa.metrics import SquadScore
from prune.qa.questions import Question
from prune.qa.settings import DECODING_FILE, DecodingSettings
from prune.qa.windows import Batch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Accuracy:
    """Figures of one model on the questions given, in percent."""

    score: SquadScore
    settings: DecodingSettings
    settings_found: bool
    """Whether the settings lay beside the model; otherwise they are the defaults."""

    @property
    def best_f1(self) -> float:
        """F1 at the null threshold that serves the model best: the same treatment for every model."""
        return self.score.f1 if self.score.best_f1 is None else self.score.best_f1

    @property
    def best_exact(self) -> float:
        """Exact match at the null threshold that serves it best."""
        return self.score.exact if self.score.best_exact is None else self.score.best_exact

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "score": self.score.to_dict(),
            "settings": self.settings.to_dict(),
            "settings_found": self.settings_found,
        }


def check_accuracy(model: Model) -> None:
    """Raise InputError where nothing can be measured: random weights, no usable tokenizer or settings."""
    _tools(model)


def measure_accuracy(
    model: Model, questions: Sequence[Question], progress: Callable[[int, int], None] | None = None
) -> Accuracy:
    """Answer `questions` with `model` in this process, and score the answers.

    Run it when nothing is being timed. Raises InputError as `check_accuracy` does.
    """
    from prune.qa.answer import answer, score_predictions

    tokenizer, settings, found = _tools(model)
    run = runner(model.engine.runtime).load(model.engine)
    takes_token_types = model.engine.encoder.takes_token_types

    def run_batch(batch: Batch) -> Logits:
        inputs = batch.inputs()
        if not takes_token_types:
            inputs.pop("token_type_ids", None)
        elif batch.token_type_ids is None:  # the tokenizer knows none; transformers takes zeros then
            inputs["token_type_ids"] = np.zeros_like(batch.input_ids)
        return run(inputs)

    predictions = answer(questions, tokenizer, run_batch, settings=settings, progress=progress)
    score = score_predictions(questions, predictions, null_threshold=settings.null_threshold)
    return Accuracy(score, settings, found)


def _tools(model: Model) -> tuple["PreTrainedTokenizerBase", DecodingSettings, bool]:
    """The model's tokenizer, its decoding settings, and whether these lay beside it."""
    from prune.checkpoint import check_vocabulary, load_tokenizer

    if model.folder is None:
        raise InputError(f"{model.name} has random weights, so it has no accuracy to measure.")
    tokenizer = load_tokenizer(model.folder)
    check_vocabulary(tokenizer, model.engine.encoder, model.name)
    path = model.folder / DECODING_FILE
    found = path.is_file()
    settings = DecodingSettings.read(path) if found else DecodingSettings()
    return tokenizer, settings.clipped(model.engine.encoder.max_length), found
