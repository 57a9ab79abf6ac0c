"""Going on after the rebuild: steps of all weights towards what the uncut model says, on text without labels."""

from collections.abc import Callable
from pathlib import Path

from transformers import PreTrainedModel

from prune.tasks.question_answering.stored import StoredWindows
from prune.train.outcome import TrainingOutcome
from prune.train.settings import TrainingSettings
from prune.train.trainer import train

BATCH_SIZE = 8
HELD_OUT = 0.02
LOOKS = 12
"""So often the held-out windows are looked at, and a checkpoint is written; the weights that were best are kept."""


def finishing_settings(
    windows: StoredWindows,
    steps: int,
    *,
    learning_rate: float = 3e-5,
    hidden_weight: float = 1.0,
    seed: int = 0,
) -> TrainingSettings:
    """Settings of `steps` steps over `windows`: the teacher's logits at T = 2, and its hidden states."""
    kept, _ = windows.split(HELD_OUT, seed)
    epochs = steps / max(1, -(-len(kept) // BATCH_SIZE))
    return TrainingSettings(
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=BATCH_SIZE,
        warmup=0.05,
        hidden_weight=hidden_weight,
        held_out=HELD_OUT,
        evaluate_every=epochs / LOOKS,
        save_every=None,
        dropout=0.0,
        seed=seed,
    )


def finish(
    cut: PreTrainedModel,
    whole: PreTrainedModel,
    windows: StoredWindows,
    settings: TrainingSettings,
    *,
    pad_token_id: int,
    directory: Path,
    progress: Callable[[int, int, str], None] | None = None,
) -> TrainingOutcome:
    """Train `cut` in place to answer `windows` as `whole` does; their labels play no part.

    Killed, the same call goes on in `directory` from where it was. Raises InputError as `train` does.
    """
    return train(
        cut,
        windows,
        settings,
        pad_token_id=pad_token_id,
        directory=directory,
        teacher=whole,
        progress=progress,
    )
