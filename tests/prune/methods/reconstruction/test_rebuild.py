"""Fitting a cut model anew never leaves it further from the uncut one on held-out windows."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny, toy_family, training

from prune.cut import shrink
from prune.families.layers import shape_of
from prune.methods.reconstruction.divergence import Reference
from prune.methods.reconstruction.inputs import batches_of
from prune.methods.reconstruction.moments import MomentSums
from prune.methods.reconstruction.rebuild import rebuild
from prune.methods.reconstruction.refit import refitted
from prune.methods.reconstruction.streams import caught
from prune.methods.reconstruction.sublayers import sublayers_of
from prune.plan import Plan, keep_all

every_family = pytest.mark.parametrize("model_type", [*tiny.MODEL_TYPES, toy_family.TOY.model_type])


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with toy_family.registered():
        yield


@settings(max_examples=8, deadline=None)
@given(tiny.plans(), st.integers(0, 3))
def test_it_never_ends_above_what_it_began_with(plan: Plan, seed: int) -> None:
    model = tiny.model(seed=seed)
    cut = shrink(model, plan)
    reference = Reference.of(model, batches_of(model, training.windows(6, seed=1), 0))
    began = reference.divergence(cut)
    batches = batches_of(model, training.windows(12, seed=2), 0)
    rebuilt = rebuild(model, cut, plan, batches, reference, damping=1e-2)
    assert rebuilt.before == began
    assert rebuilt.after <= began
    assert reference.divergence(cut) == pytest.approx(rebuilt.after, rel=1e-6)
    assert shape_of(cut) == plan.shape


@every_family
def test_a_cut_with_no_repair_at_all_is_mended(model_type: str) -> None:
    model = tiny.model(model_type)
    plan = Plan(((0, 2, 3), (1, 2)), ((0, 1, 2, 3, 4, 5, 6), (1, 4, 5, 11)))
    cut = shrink(model, plan)
    reference = Reference.of(model, batches_of(model, training.windows(10, seed=1), 1))
    batches = batches_of(model, training.windows(60, seed=2), 1)
    rebuilt = rebuild(model, cut, plan, batches, reference, damping=1e-2)
    assert rebuilt.after < 0.7 * rebuilt.before
    assert len(rebuilt.accepted) == 4


@every_family
def test_each_linear_is_fitted_to_what_it_reads_once_all_below_it_is(model_type: str) -> None:
    """In the finished model, whose lower layers are fitted, against what the whole one has there: token by token."""
    model = tiny.model(model_type).double()
    plan = Plan(((0, 2, 3), (1, 2)), ((0, 1, 2, 3, 4, 5, 6), (1, 4, 5, 11)))
    came, cut = shrink(model, plan), shrink(model, plan)
    windows = training.windows(60, seed=2)
    reference = Reference.of(model, batches_of(model, training.windows(30, seed=3), 1))
    rebuilt = rebuild(model, cut, plan, batches_of(model, windows, 1, 8), reference, damping=1e-2)
    assert any(rebuilt.accepted[:2])
    assert rebuilt.accepted[2:] == (True, True)
    one_by_one = batches_of(model, windows, 1, 1)
    triples = zip(sublayers_of(model), sublayers_of(came), sublayers_of(cut), strict=True)
    for accepted, (wide, before, after) in zip(rebuilt.accepted, triples, strict=True):
        rows = wide.columns(wide.kept(plan))
        fits = [
            *((wide.writers[name], before.writers[name], after.writers[name], rows) for name in wide.writers),
            (wide.reader, before.reader, after.reader, torch.arange(wide.reader.out_features)),
        ]
        for target, unfitted, fitted, wanted in fits:
            sums = MomentSums()
            for batch in one_by_one:
                read, _ = caught(lambda batch=batch: cut(**batch), [fitted], [])
                _, given = caught(lambda batch=batch: model(**batch), [], [target])
                sums.add(read[0][0].detach(), given[0][0][:, wanted].detach())
            weight, bias = unfitted.weight, unfitted.bias
            if accepted:
                weight, bias = refitted(weight, bias, sums.moments(), damping=1e-2)
            torch.testing.assert_close(fitted.weight, weight, rtol=1e-6, atol=1e-8, check_dtype=False)
            torch.testing.assert_close(fitted.bias, bias, rtol=1e-6, atol=1e-8, check_dtype=False)


@every_family
def test_a_model_that_lost_nothing_stays_as_it_is(model_type: str) -> None:
    model = tiny.model(model_type).double()
    plan = keep_all(shape_of(model))
    cut = shrink(model, plan)
    batches = batches_of(model, training.windows(12), 1)
    rebuild(model, cut, plan, batches, Reference.of(model, batches), damping=1e-2)
    for ours, theirs in zip(cut.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
