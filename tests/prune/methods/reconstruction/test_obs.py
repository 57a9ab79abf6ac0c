"""OBS for units against plain least squares, which knows nothing of inverses that are updated."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from prune.methods.reconstruction.moments import MomentSums
from prune.methods.reconstruction.obs import Removal, removal_order, repaired
from prune.methods.reconstruction.sublayers import columns_of

Floats = NDArray[np.float64]


class Problem:
    """A Linear, what it reads, and what its units are."""

    def __init__(
        self, units: int, width: int, out: int, tokens: int, seed: int, *, independent: bool = False
    ) -> None:
        generator = np.random.default_rng(seed)
        size = units * width
        self.width, self.units = width, units
        mixed = generator.normal(size=(tokens, size)) @ generator.normal(size=(size, size))
        if independent:
            mixed = _independent(mixed, width) * np.repeat(generator.uniform(0.2, 5, units), width)
        self.inputs: Floats = mixed + 10 * generator.normal(size=size)
        self.weight: Floats = generator.normal(size=(out, size))
        self.bias: Floats = generator.normal(size=out)
        sums = MomentSums()
        sums.add(torch.from_numpy(self.inputs))
        self.moments = sums.moments()

    def direct(self, kept: tuple[int, ...], damping: float) -> tuple[float, Floats, Floats]:
        """(error, weights, bias) where only these units are kept, by least squares on every token."""
        columns = columns_of(kept, self.width).numpy()
        centred = self.inputs - self.inputs.mean(0)
        ridge = damping * (centred**2).sum() / centred.shape[1]
        rows = np.concatenate([centred, np.sqrt(ridge) * np.eye(centred.shape[1])])
        wanted = rows @ self.weight.T
        found = np.linalg.lstsq(rows[:, columns], wanted, rcond=None)[0]
        error = float(((rows[:, columns] @ found - wanted) ** 2).sum())
        bias = self.bias + self.inputs.mean(0) @ self.weight.T - self.inputs.mean(0)[columns] @ found
        return error, found.T, bias

    def best(self, count: int, damping: float) -> float:
        """The least error of any `count` units."""
        return min(self.direct(kept, damping)[0] for kept in combinations(range(self.units), count))

    def order(self, damping: float) -> Removal:
        """In which they go."""
        return removal_order(torch.from_numpy(self.weight), self.moments.scatter, self.width, damping=damping)


def _independent(inputs: Floats, width: int) -> Floats:
    """What is no linear function of the units before, so that no unit can make up for another."""
    made = inputs - inputs.mean(0)
    for begin in range(width, made.shape[1], width):
        before = made[:, :begin]
        made[:, begin : begin + width] -= (
            before @ np.linalg.lstsq(before, made[:, begin : begin + width], rcond=None)[0]
        )
    return made


problems = st.builds(
    Problem,
    units=st.integers(1, 6),
    width=st.integers(1, 3),
    out=st.integers(1, 4),
    tokens=st.integers(2, 40),
    seed=st.integers(0, 2**32 - 1),
)
dampings = st.sampled_from([1e-1, 1e-2, 1e-3])
some = settings(max_examples=60, deadline=None)


@some
@given(problems, dampings, st.integers(1, 3), st.integers(1, 7))
def test_after_every_removal_the_error_is_that_of_the_direct_solution(
    problem: Problem, damping: float, batch: int, candidates: int
) -> None:
    weight = torch.from_numpy(problem.weight)
    removal = removal_order(
        weight, problem.moments.scatter, problem.width, damping=damping, batch=batch, candidates=candidates
    )
    assert sorted(removal.order) == list(range(problem.units))
    assert len(removal.errors) == problem.units + 1
    assert removal.errors[0] == 0
    for count in range(problem.units):
        error, _, _ = problem.direct(removal.kept(count), damping)
        assert removal.error(count) == pytest.approx(error, rel=1e-6)


@some
@given(problems, dampings)
def test_each_removal_is_the_cheapest_that_there_is(problem: Problem, damping: float) -> None:
    removal = problem.order(damping)
    for count in range(problem.units):
        before = removal.kept(count + 1)
        cheapest = min(problem.direct(tuple(u for u in before if u != gone), damping)[0] for gone in before)
        assert removal.error(count) == pytest.approx(cheapest, rel=1e-6)


@some
@given(problems, dampings, st.data())
def test_repaired_weights_and_bias_are_those_of_the_direct_solution(
    problem: Problem, damping: float, data: st.DataObject
) -> None:
    kept = tuple(sorted(data.draw(st.sets(st.integers(0, problem.units - 1)))))
    weight, bias = repaired(
        torch.from_numpy(problem.weight),
        torch.from_numpy(problem.bias),
        problem.moments,
        columns_of(kept, problem.width),
        damping=damping,
    )
    _, directly, bias_directly = problem.direct(kept, damping)
    np.testing.assert_allclose(weight.numpy(), directly, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(bias.numpy(), bias_directly, rtol=1e-6, atol=1e-6)


@some
@given(st.integers(2, 6), st.integers(1, 2), st.integers(0, 2**32 - 1), dampings)
def test_of_units_that_cannot_make_up_for_each_other_the_best_set_is_kept(
    units: int, width: int, seed: int, damping: float
) -> None:
    problem = Problem(units, width, 3, 40, seed, independent=True)
    removal = problem.order(damping)
    for count in range(units + 1):
        assert removal.error(count) == pytest.approx(problem.best(count, damping), rel=1e-6, abs=1e-9)


def test_the_order_is_nearly_as_good_as_the_best_sets_and_others_are_not() -> None:
    """Over 40 problems, of how much larger the error is than that of the best set of the same size."""
    generator = np.random.default_rng(0)
    ours, by_chance, by_size = [], [], []
    for seed in range(40):
        problem = Problem(units=6, width=2, out=3, tokens=40, seed=seed)
        removal = problem.order(1e-2)
        chance = generator.permutation(6).tolist()
        size = np.argsort(-np.square(problem.weight).sum(0).reshape(6, 2).sum(1)).tolist()
        for count in range(1, 6):
            best = problem.best(count, 1e-2)
            ours.append(removal.error(count) / best)
            by_chance.append(problem.direct(tuple(sorted(chance[:count])), 1e-2)[0] / best)
            by_size.append(problem.direct(tuple(sorted(size[:count])), 1e-2)[0] / best)
    assert np.mean(ours) < 1.1
    assert max(ours) < 2
    assert np.mean(by_chance) > 2
    assert np.mean(by_size) > 1.3


def test_batches_of_activations_go_one_by_one_within_their_candidates() -> None:
    """As many candidates as units: batches then change nothing but how often the whole inverse is updated."""
    problem = Problem(units=40, width=1, out=8, tokens=200, seed=0)
    one, sixteen = (
        removal_order(
            torch.from_numpy(problem.weight), problem.moments.scatter, 1, batch=batch, candidates=40
        )
        for batch in (1, 16)
    )
    assert one.order == sixteen.order
    np.testing.assert_allclose(one.errors, sixteen.errors, rtol=1e-9)


def test_inputs_that_never_change_cost_nothing_but_their_ridge_and_go_into_the_bias() -> None:
    sums = MomentSums()
    inputs = torch.tensor([[3.0, 1.0], [3.0, -1.0]], dtype=torch.float64)
    sums.add(inputs)
    weight = torch.tensor([[2.0, 5.0]], dtype=torch.float64)
    moments = sums.moments()
    removal = removal_order(weight, moments.scatter, 1)
    assert removal.order == (0, 1)
    left, bias = repaired(weight, torch.zeros(1), moments, torch.tensor([1]))
    torch.testing.assert_close(inputs[:, 1:] @ left.T + bias, inputs @ weight.T)


def test_a_sublayer_with_no_units_has_nothing_to_remove() -> None:
    removal = removal_order(torch.empty(3, 0), torch.empty(0, 0, dtype=torch.float64), 4)
    assert (removal.order, removal.errors.tolist()) == ((), [0.0])


def test_all_zero_inputs_are_no_trouble() -> None:
    removal = removal_order(torch.ones(2, 4), torch.zeros(4, 4, dtype=torch.float64), 2)
    assert sorted(removal.order) == [0, 1]
