"""Real processes, killed for real, against runs that nobody disturbed."""

from pathlib import Path
from typing import Any

import pytest
from support import training
from support.training import Result, Run

SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 16,
    "micro_batch_size": 8,
    "learning_rate": 1e-3,
    "held_out": 0.1,
    "evaluate_every": 1.0,
    "save_every": 0.3,
    "mixed_precision": "no",
}
"""6 steps in an epoch, a checkpoint after every second one; dropout as BERT has it."""


def _same(result: Result, straight: Result) -> None:
    assert result.far_from(straight.model.state_dict()) < 1e-6
    assert result.outcome.best_step == straight.outcome.best_step
    figures = ("step", "epoch", "loss", "learning_rate", "eval_loss", "eval_exact_span")
    for ours, theirs in zip(result.outcome.log, straight.outcome.log, strict=True):
        assert [getattr(ours, name) for name in figures] == pytest.approx(
            [getattr(theirs, name) for name in figures], abs=1e-6
        )


def _after(point: str, call: int = 1, *, truncate: bool = False) -> dict[str, Any]:
    return {"point": point, "call": call, "truncate": truncate}


@pytest.mark.slow
@pytest.mark.parametrize("distilled", [False, True], ids=["retrained", "distilled"])
def test_killed_anywhere_it_comes_to_the_same(tmp_path: Path, distilled: bool) -> None:
    """Each attempt goes on where the last whole checkpoint was, which the next attempt's first step shows."""
    settings = SETTINGS | ({"hidden_weight": 0.5, "task_weight": 0.2} if distilled else {})
    straight = Run(str(tmp_path / "straight"), settings, distilled).start()
    assert straight.outcome.steps == 18
    run = Run(str(tmp_path / "killed"), settings, distilled)
    kills = [
        (_after("step", 3), 1),  # in the middle of the second step
        (_after("weights", truncate=True), 1),
        (_after("optimizer", truncate=True), 1),
        (_after("rng"), 1),
        (_after("state", truncate=True), 1),
        (_after("state"), 1),
        (_after("marker", truncate=True), 1),
        (_after("marker"), 1),
        (_after("step", 7), 3),
        (_after("marker", 2), 5),
        (_after("unmarked old one"), 9),  # its own checkpoint, of step 10, is whole by then
        (_after("state", truncate=True), 11),
        (_after("half removed old one", 2), 0),  # that of step 12, before any step
        (_after("weights", 2, truncate=True), 11),
    ]
    assert training.killed_runs(run, [kill for kill, _ in kills]) == [first for _, first in kills]
    _same(run.start(), straight)


@pytest.mark.slow
def test_killed_by_somebody_else_at_any_time(tmp_path: Path) -> None:
    straight = Run(str(tmp_path / "straight"), SETTINGS).start()
    run = Run(str(tmp_path / "killed"), SETTINGS)
    first_steps = training.killed_runs(run, [{"after": 0.03 + 0.05 * attempt} for attempt in range(8)])
    assert max(first_steps) > 1  # some attempts came far enough for the next to go on from
    _same(run.start(), straight)


def test_going_on_needs_no_more_than_the_folder_itself(tmp_path: Path) -> None:
    """Moved elsewhere between two attempts, it is still found which weights were best."""
    settings = SETTINGS | {"epochs": 5, "learning_rate": 0.3, "warmup": 1.0}
    straight = Run(str(tmp_path / "straight"), settings).start()
    assert straight.outcome.best_step < 24

    def stop(step: int, total: int, said: str) -> None:
        if step == straight.outcome.best_step + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Run(str(tmp_path / "here"), settings).start(stop)
    (tmp_path / "here").rename(tmp_path / "there")
    first: list[int] = []
    result = Run(str(tmp_path / "there"), settings).start(lambda step, *_: first.append(step))
    assert first[0] == straight.outcome.best_step + 3
    _same(result, straight)
    assert not (tmp_path / "here").exists()
