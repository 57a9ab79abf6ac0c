"""λ that is to find its own way to a wanted fraction, on a model."""

import math
from pathlib import Path

import numpy as np
import pytest
from support import tiny, training

from prune.methods.l0.hard_concrete import probability_open
from prune.methods.l0.penalty import Penalty, paper_weight
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import read_state
from prune.methods.l0.training import train_gates
from prune.plan import Kind

UNITS: dict[Kind, int] = {
    "heads": tiny.NUM_LAYERS * tiny.NUM_HEADS,
    "intermediate": tiny.NUM_LAYERS * tiny.INTERMEDIATE_SIZE,
}


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("heads", 0.5),
        *(
            pytest.param(kind, target, marks=pytest.mark.slow)
            for kind, target in (
                ("heads", 0.25),
                ("heads", 0.75),
                ("intermediate", 0.25),
                ("intermediate", 0.5),
                ("intermediate", 0.75),
            )
        ),
    ],
)
def test_the_wanted_fraction_is_reached(tmp_path: Path, kind: Kind, target: float) -> None:
    """From the paper's λ*, which is several times too high here; what is logged is what was so."""
    penalty = Penalty(paper_weight(kind, UNITS[kind], 1), target=target)
    settings = GateSettings(epochs=15, batch_size=8, distill=True)
    windows = training.windows(160, longest=16)
    trained = train_gates(
        tiny.model(), windows, {kind: penalty}, settings, pad_token_id=0, directory=tmp_path
    )
    state = read_state(tmp_path)
    assert state is not None
    removed = 1 - probability_open(state.log_alpha[kind]).mean().item()
    assert removed == pytest.approx(target, abs=0.05)
    first, last = trained.log[0], trained.log[-1]
    assert first.removed[kind] == pytest.approx(1 - 1 / (1 + math.exp(-1.5) * 11 ** (-2 / 3)))
    assert last.removed[kind] == pytest.approx(removed, abs=0.01)
    weights = [record.weight[kind] for record in trained.log]
    assert (np.diff(weights) > 0).any()
    assert weights[-1] < max(weights) / 5
