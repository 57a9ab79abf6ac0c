"""Gates that did not come near the fraction wanted of them are named."""

import numpy as np
import pytest

from prune.methods.l0.penalty import Penalty
from prune.methods.l0.ranking import shortfalls
from prune.methods.l0.state import Record
from prune.methods.l0.training import TrainedGates


def gates(**closed: float) -> TrainedGates:
    record = Record(9, 1.0, closed, dict.fromkeys(closed, 0.1), 0.1)
    return TrainedGates({kind: (np.zeros(2),) for kind in closed}, (record,), 0.0)


@pytest.mark.parametrize(
    ("closed", "told"), [(0.14, True), (0.39, True), (0.45, False), (0.53, False), (0.7, True)]
)
def test_gates_far_from_what_was_wanted_are_named(closed: float, told: bool) -> None:
    found = list(shortfalls([gates(heads=closed)], {"heads": Penalty(0.1, target=0.53)}))
    assert bool(found) == told
    if told:
        assert found[0].startswith(f"The gates of heads closed {closed:.0%}, and 53% was wanted")


def test_each_kind_is_looked_at_and_none_where_nothing_was_wanted() -> None:
    both = {"heads": Penalty(0.1, target=0.5), "intermediate": Penalty(0.1, target=0.5)}
    found = list(shortfalls([gates(heads=0.1, intermediate=0.5)], both))
    assert ["gates of heads" in text for text in found] == [True]
    assert list(shortfalls([gates(heads=0.1)], {"heads": Penalty(0.1)})) == []
