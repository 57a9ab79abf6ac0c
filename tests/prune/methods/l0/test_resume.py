"""Real processes, killed for real, against runs that nobody disturbed."""

from pathlib import Path
from typing import Any

import pytest
from support import gating
from support.gating import Run

from prune.methods.l0 import training as l0
from prune.methods.l0.state import STATE_FILE, Record

PENALTIES: dict[str, dict[str, Any]] = {
    "heads": {"weight": 0.05, "target": 0.4},
    "intermediate": {"weight": 0.002},
}
SETTINGS: dict[str, Any] = {"epochs": 2, "batch_size": 8, "micro_batch_size": 3, "seed": 2}
"""Two epochs of 7 steps, the last of which has two windows."""


@pytest.mark.slow
@pytest.mark.parametrize("distill", [False, True], ids=["task", "distill"])
def test_killed_anywhere_it_comes_to_the_same(tmp_path: Path, distill: bool) -> None:
    """Each attempt goes on where the state on disk was, which the first step of the next one shows."""
    settings = SETTINGS | {"distill": distill}
    straight = Run(str(tmp_path / "straight"), settings, PENALTIES, count=50).start()
    assert len(straight.log) == 14
    run = Run(str(tmp_path / "killed"), settings, PENALTIES, count=50)
    kills = [
        ("step", 1, 0),  # before anything was written
        ("half written", 1, 1),
        ("written", 2, 1),
        ("replaced", 3, 2),
        ("step", 2, 5),
        ("half written", 3, 6),
        ("replaced", 1, 8),
        ("written", 1, 9),
        ("half written", 6, 9),  # at the very end
        ("replaced", 1, 14),
    ]
    first_steps = gating.killed(run, [{"point": point, "call": call} for point, call, _ in kills])
    assert first_steps == [first for _, _, first in kills]
    again = run.start()
    assert gating.furthest(again, straight) == 0
    assert again.log == straight.log
    assert again.seconds_per_step == 0  # the last attempt had done all steps


def test_interrupted_ever_again_it_comes_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another folder; what is written now and then is what was there at that step."""
    straight = Run(str(tmp_path / "straight"), SETTINGS, PENALTIES, count=50, cut=True).start()
    monkeypatch.setattr(l0, "_SAVE_EVERY", -1.0)
    first_steps: list[int] = []

    def stop(record: Record, steps: int) -> None:
        seen.append(record.step)
        if len(seen) == 4:
            raise KeyboardInterrupt

    for attempt in range(4):
        seen: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            Run(str(tmp_path / str(attempt)), SETTINGS, PENALTIES, count=50, cut=True).start(stop)
        first_steps.append(seen[0])
        (tmp_path / str(attempt)).rename(tmp_path / str(attempt + 1))
    assert first_steps == [1, 4, 7, 10]
    again = Run(str(tmp_path / "4"), SETTINGS, PENALTIES, count=50, cut=True).start()
    assert gating.furthest(again, straight) == 0
    assert again.log == straight.log


def test_how_often_it_is_written_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rare = Run(str(tmp_path / "rare"), SETTINGS, PENALTIES, count=50).start()
    monkeypatch.setattr(l0, "_SAVE_EVERY", -1.0)
    often = Run(str(tmp_path / "often"), SETTINGS, PENALTIES, count=50).start()
    assert gating.furthest(rare, often) == 0
    files = [(tmp_path / name / STATE_FILE).read_bytes() for name in ("rare", "often")]
    assert files[0] == files[1]
