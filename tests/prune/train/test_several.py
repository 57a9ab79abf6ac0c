"""Two processes against one."""

from pathlib import Path
from typing import Any

import pytest
from support import training
from support.training import Result, Run

SETTINGS: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "held_out": 0.1,
    "dropout": 0.0,
    "hidden_weight": 0.5,
}


def _same(ours: Result, theirs: Result) -> None:
    assert ours.far_from(theirs.model.state_dict()) < 1e-6
    for entry, other in zip(ours.outcome.log, theirs.outcome.log, strict=True):
        for name in ("step", "loss", "learning_rate", "eval_loss", "eval_exact_span"):
            assert getattr(entry, name) == pytest.approx(getattr(other, name), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("micro", [None, 2])
def test_two_processes_train_as_one_does(tmp_path: Path, micro: int | None) -> None:
    """20 steps, every fifth on two windows only; the held-out windows are of an odd number."""
    alone = Run(str(tmp_path / "alone"), SETTINGS, distilled=True, double=True, count=37).start()
    assert alone.outcome.steps == 20
    settings = SETTINGS | {"micro_batch_size": micro}
    run = Run(str(tmp_path / "together"), settings, distilled=True, double=True, count=37)
    _same(training.launched_run(run, 2), alone)


@pytest.mark.slow
def test_two_processes_go_on_where_one_of_them_was_killed(tmp_path: Path) -> None:
    """In the middle of a checkpoint. Dropout is on: each process has a state of chance of its own."""
    settings = SETTINGS | {"dropout": 0.1, "save_every": 0.4}
    straight = training.launched_run(Run(str(tmp_path / "straight"), settings, double=True, count=37), 2)
    run = Run(str(tmp_path / "killed"), settings, double=True, count=37)
    training.killed_launch(run, 2, "rng", 4)
    assert list((tmp_path / "killed").iterdir())
    _same(training.launched_run(run, 2), straight)
