from typing import Any

import pytest

from prune.train.settings import TrainingSettings
from trellis.errors import InputError


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0.0),
        ("epochs", float("nan")),
        ("epochs", "1"),
        ("learning_rate", -1e-5),
        ("learning_rate", float("inf")),
        ("batch_size", 0),
        ("batch_size", 2.0),
        ("batch_size", None),
        ("micro_batch_size", 0),
        ("warmup", 1.1),
        ("weight_decay", -0.1),
        ("max_grad_norm", None),
        ("temperature", 0),
        ("task_weight", 1.5),
        ("hidden_weight", -1),
        ("held_out", 0.6),
        ("held_out", True),
        ("evaluate_every", 0.0),
        ("patience", 0),
        ("save_every", -1.0),
        ("dropout", 1.0),
        ("mixed_precision", "fp8"),
        ("seed", -1),
    ],
)
def test_nonsense_is_named(setting: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{setting} is"):
        TrainingSettings(**{setting: value})


def test_bounds_themselves_are_fine() -> None:
    TrainingSettings(
        epochs=0.1, learning_rate=0, warmup=1, task_weight=1, held_out=0.5, dropout=0, max_grad_norm=0
    )
    TrainingSettings(micro_batch_size=1, patience=1, evaluate_every=0.01, save_every=None, held_out=0.01)


def test_patience_needs_something_to_look_at() -> None:
    with pytest.raises(InputError, match="patience needs windows"):
        TrainingSettings(held_out=0, patience=2)


@pytest.mark.parametrize(
    ("micro", "num_ranks", "expected"),
    [(None, 1, (24, 1)), (None, 3, (8, 1)), (4, 1, (4, 6)), (4, 2, (4, 3)), (1, 24, (1, 1))],
)
def test_a_batch_is_shared_evenly(micro: int | None, num_ranks: int, expected: tuple[int, int]) -> None:
    assert TrainingSettings(micro_batch_size=micro).accumulation(num_ranks) == expected


def test_uneven_shares_are_refused() -> None:
    with pytest.raises(InputError, match="24 windows cannot be shared by 5 processes"):
        TrainingSettings().accumulation(5)
    with pytest.raises(InputError, match="does not divide the 12 windows"):
        TrainingSettings(micro_batch_size=24).accumulation(2)
