"""Two processes against one."""

from pathlib import Path
from typing import Any

import pytest
import training
from training import Run

SETTINGS: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "held_out": 0.1,
    "dropout": 0.0,
    "hidden_weight": 0.5,
}


@pytest.mark.slow
@pytest.mark.parametrize("micro", [None, 2])
def test_two_processes_train_as_one_does(tmp_path: Path, micro: int | None) -> None:
    """20 steps, every fifth on two windows only; the held-out windows are of an odd number."""
    alone = Run(str(tmp_path / "alone"), SETTINGS, distilled=True, double=True, count=37).start()
    settings = SETTINGS | {"micro_batch_size": micro}
    run = Run(str(tmp_path / "together"), settings, distilled=True, double=True, count=37)
    together = training.launched_run(run, 2)
    assert together.outcome.steps == 20
    assert together.far_from(alone.model.state_dict()) < 1e-6
    for ours, theirs in zip(together.outcome.log, alone.outcome.log, strict=True):
        for name in ("step", "loss", "learning_rate", "eval_loss", "eval_exact_span"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-6)
