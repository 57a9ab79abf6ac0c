"""Two processes against one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import gating
from support.gating import Run

from prune.methods.l0 import training as l0
from prune.methods.l0.state import Record
from prune.methods.l0.training import TrainedGates

HEADS: dict[str, dict[str, Any]] = {"heads": {"weight": 0.05}}
BOTH: dict[str, dict[str, Any]] = HEADS | {"intermediate": {"weight": 0.002, "target": 0.4}}
RUNS: dict[str, dict[str, Any]] = {
    "a paper-like batch": {"settings": {"epochs": 2.5, "batch_size": 24}, "penalties": BOTH, "count": 192},
    "an odd batch": {
        "settings": {"epochs": 4, "batch_size": 5, "distill": True},
        "penalties": HEADS,
        "count": 25,
    },
    "the last batch has one window": {
        "settings": {"epochs": 4, "batch_size": 5},
        "penalties": BOTH,
        "count": 21,
    },
    "one window at a time": {
        "settings": {"epochs": 2, "batch_size": 5, "micro_batch_size": 1},
        "penalties": BOTH,
        "count": 50,
    },
    "batches of one": {"settings": {"epochs": 1, "batch_size": 1}, "penalties": BOTH, "count": 20},
    "a cut model": {
        "settings": {"epochs": 4, "batch_size": 8, "micro_batch_size": 3},
        "penalties": BOTH,
        "count": 40,
        "cut": True,
    },
}


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least 20 steps each, and each process ends with the same bits; what one began, two may go on with."""
    runs = {name: Run(str(tmp_path / f"{name}, two"), **fields) for name, fields in RUNS.items()}
    runs["seen by one only"] = Run(str(tmp_path / "apart {rank}"), **RUNS["an odd batch"])
    monkeypatch.setattr(l0, "_SAVE_EVERY", -1.0)
    for begun in (
        runs["a cut model"],
        replace(runs["seen by one only"], directory=str(tmp_path / "apart 0")),
    ):
        with pytest.raises(KeyboardInterrupt):
            begun.start(_stop)
    together = dict(zip(runs, gating.launched(list(runs.values()), 2), strict=True))
    for said in together.pop("seen by one only"):
        assert isinstance(said, str)
        assert said.startswith(f"The processes do not find the same state in {tmp_path / 'apart '}")
    for name, fields in RUNS.items():
        alone = Run(str(tmp_path / name), **fields).start()
        first, second = together[name]
        assert isinstance(first, TrainedGates)
        assert isinstance(second, TrainedGates)
        assert len(alone.log) >= 20
        assert gating.furthest(first, second) == 0, name
        assert first.log == second.log
        assert gating.furthest(first, alone) < 1e-10, name
        for ours, theirs in zip(first.log, alone.log, strict=True):
            assert (ours.step, ours.learning_rate) == (theirs.step, theirs.learning_rate)
            assert ours.loss == pytest.approx(theirs.loss, abs=1e-10)
            assert ours.removed == pytest.approx(theirs.removed, abs=1e-10)
            assert ours.weight == pytest.approx(theirs.weight, rel=1e-8)


def _stop(record: Record, steps: int) -> None:
    if record.step == 9:
        raise KeyboardInterrupt
