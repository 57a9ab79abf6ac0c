"""Adam as torch has it, and states that come back from disk as they were."""

import math
from pathlib import Path

import pytest
import torch

from prune.methods.l0.penalty import Penalty
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import STATE_FILE, GateState, Record, read_state, write_state
from prune.plan import Kind

PENALTIES: dict[Kind, Penalty] = {"heads": Penalty(0.1), "intermediate": Penalty(0.01, target=0.4)}
UNITS: dict[Kind, int] = {"heads": 5, "intermediate": 40}


def record(step: int, rate: float) -> Record:
    removed: dict[Kind, float] = {"heads": 0.1, "intermediate": 0.01 * step}
    return Record(step, 1 / 3, removed, {"heads": 0.1, "intermediate": 0.3}, rate)


def trained(steps: int, *, seed: int = 0) -> GateState:
    """After gradients of very different sizes, some of them 0."""
    generator = torch.Generator().manual_seed(seed)
    state, settings = GateState.fresh(UNITS, PENALTIES, 1.5), GateSettings()
    for step in range(steps):
        gradients = {
            kind: torch.randn(count, generator=generator, dtype=torch.float64)
            * 10.0 ** torch.linspace(-9, 2, count, dtype=torch.float64)
            * (torch.arange(count) % 4 > 0)
            for kind, count in UNITS.items()
        }
        state = state.after(gradients, record(step + 1, settings.rate(step, steps)), steps)
    return state


def test_updates_are_torchs_adam() -> None:
    generator, settings = torch.Generator().manual_seed(0), GateSettings()
    values = {kind: torch.full((count,), 1.5, dtype=torch.float64) for kind, count in UNITS.items()}
    optimizer = torch.optim.Adam(values.values(), betas=(0.9, 0.999), eps=1e-12)
    for step in range(50):
        for kind, count in UNITS.items():
            values[kind].grad = (
                torch.randn(count, generator=generator, dtype=torch.float64)
                * 10.0 ** torch.linspace(-9, 2, count, dtype=torch.float64)
                * (torch.arange(count) % 4 > 0)
            )
        optimizer.param_groups[0]["lr"] = settings.rate(step, 50)
        optimizer.step()
    ours = trained(50).log_alpha
    assert all((ours[kind] - values[kind]).abs().max() < 1e-12 for kind in UNITS)
    assert float((ours["heads"] - 1.5).abs().max()) > 0.1


def test_a_state_stays_as_it_is_when_the_next_is_made() -> None:
    first = trained(3)
    kept = {kind: values.clone() for kind, values in first.log_alpha.items()}
    second = first.after(
        {kind: torch.ones(count).double() for kind, count in UNITS.items()}, record(4, 0.1), 9
    )
    assert all(torch.equal(first.log_alpha[kind], kept[kind]) for kind in UNITS)
    assert (first.step, second.step) == (3, 4)
    assert (len(first.log), len(second.log)) == (3, 4)


def same(first: GateState, second: GateState) -> bool:
    names = ("log_alpha", "first_moment", "second_moment")
    return (
        (first.step, first.penalties, first.log) == (second.step, second.penalties, second.log)
        and first.log_alpha.keys() == second.log_alpha.keys()
        and all(
            torch.equal(getattr(first, name)[kind], getattr(second, name)[kind])
            for name in names
            for kind in first.log_alpha
        )
    )


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    for steps in (0, 4, 7):
        state = trained(steps)
        write_state(state, tmp_path)
        read = read_state(tmp_path)
        assert read is not None
        assert same(read, state)
        assert read.log_alpha["heads"].dtype == torch.float64
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]
    gradients = {kind: torch.ones(count).double() for kind, count in UNITS.items()}
    assert same(read.after(gradients, record(8, 0.1), 9), state.after(gradients, record(8, 0.1), 9))


def test_kinds_of_no_units_and_odd_numbers_come_back(tmp_path: Path) -> None:
    state = GateState.fresh({"heads": 0}, {"heads": Penalty(0.0)}, 1.5)
    odd = Record(1, math.pi * 1e-300, {"heads": 0.0}, {"heads": 0.0}, 0.1)
    state = state.after({"heads": torch.zeros(0, dtype=torch.float64)}, odd, 2)
    write_state(state, tmp_path)
    read = read_state(tmp_path)
    assert read is not None
    assert same(read, state)


def test_a_failed_writing_leaves_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(trained(2), tmp_path)

    def fail(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("prune.methods.l0.state.save_file", fail)
    with pytest.raises(OSError, match="no space"):
        write_state(trained(3), tmp_path)
    read = read_state(tmp_path)
    assert read is not None
    assert same(read, trained(2))
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_the_figures_to_watch() -> None:
    assert record(7, 0.1).in_words() == "10%, 7% closed, loss 0.33"
