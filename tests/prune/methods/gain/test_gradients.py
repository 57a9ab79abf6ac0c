"""gain: closed forms, one example at a time, and a model left as it was."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from support import tiny
from torch import Tensor
from transformers import PreTrainedModel

from prune.cut import shrink
from prune.families.layers import layers_of
from prune.gates import GatedModel
from prune.methods.gain.gradients import example_losses, gain_scores
from prune.plan import Scores, plan_fractions
from prune.tasks.question_answering import learning
from trellis.errors import InputError

every_architecture = pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
LENGTHS = (11, 7, 3, 2)


def questions(
    model: PreTrainedModel, lengths: tuple[int, ...] = LENGTHS, *, seed: int = 0
) -> dict[str, Tensor]:
    return tiny.labelled(tiny.batch_for(model, lengths, seed=seed), seed=seed)


def one_by_one(model: PreTrainedModel, batch: dict[str, Tensor]) -> list[list[np.ndarray]]:
    """∂L/∂γ by plain autograd: per example, without its padding, a vector per gate."""
    gradients = []
    with GatedModel(model) as gated:
        for row, mask in enumerate(batch["attention_mask"]):
            gated.zero_grad()
            length = int(mask.sum())
            alone = {name: value[row : row + 1] for name, value in batch.items()}
            alone |= {name: value[:, :length] for name, value in alone.items() if value.ndim == 2}
            model(**alone).loss.backward()
            gradients.append([gate.values.grad.numpy().copy() for gate in gated.gates()])
    return gradients


def vectors(scores: Scores) -> list[np.ndarray]:
    return [*scores.heads, *scores.intermediate]


@every_architecture
def test_scores_are_the_mean_of_each_examples_absolute_gradient(model_type: str) -> None:
    model = tiny.model(model_type).double()
    batch = questions(model)
    gradients = one_by_one(model, batch)
    scores = vectors(gain_scores(model, [batch]))
    assert len(scores) == 2 * tiny.NUM_LAYERS
    for gate, vector in enumerate(scores):
        np.testing.assert_allclose(
            vector, np.mean([np.abs(one[gate]) for one in gradients], axis=0), rtol=1e-9
        )


def test_opposite_gradients_add_up_and_do_not_cancel() -> None:
    """The same text asked for two opposite answers by a head that knows only one direction."""
    model = tiny.model(seed=3).double()
    gradients, batches = [], []
    for position in (0, 1):
        batch = questions(model, (2,)) | {
            "start_positions": torch.tensor([position]),
            "end_positions": torch.tensor([position]),
        }
        batches.append(batch)
        gradients.append(one_by_one(model, batch)[0])
    together = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    scores = vectors(gain_scores(model, [together]))
    opposed = 0
    for gate, vector in enumerate(scores):
        first, second = (one[gate] for one in gradients)
        np.testing.assert_allclose(vector, (abs(first) + abs(second)) / 2, rtol=1e-9)
        opposed += int((first * second < 0).sum())
        assert (vector >= abs(first + second) / 2 - 1e-15).all()
    assert opposed > 0.9 * sum(map(len, scores))  # two tokens: a step towards one answer leaves the other


@every_architecture
def test_batch_size_and_company_play_no_part(model_type: str) -> None:
    model = tiny.model(model_type).double()
    batch = questions(model)
    alone = [{name: value[row : row + 1] for name, value in batch.items()} for row in range(len(LENGTHS))]
    pairs = [{name: value[rows : rows + 2] for name, value in batch.items()} for rows in (0, 2)]
    whole = vectors(gain_scores(model, [batch]))
    for batches in (alone, pairs, alone[::-1]):
        for ours, theirs in zip(vectors(gain_scores(model, batches)), whole, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@every_architecture
def test_useless_units_score_nothing_and_go_first(model_type: str) -> None:
    model = tiny.model(model_type)
    layer = layers_of(model)[1]
    layer.attention_output.weight.data[:, 2 * tiny.HEAD_SIZE : 3 * tiny.HEAD_SIZE] = 0
    layer.output.weight.data[:, [4, 9]] = 0
    scores = gain_scores(model, [questions(model)])
    assert [int(index) for index in (scores.heads[1] == 0).nonzero()[0]] == [2]
    assert [int(index) for index in (scores.intermediate[1] == 0).nonzero()[0]] == [4, 9]
    assert all((vector > 0).all() for vector in (scores.heads[0], scores.intermediate[0]))
    plan = plan_fractions(scores, heads=1 / 8, intermediate=2 / 24)
    assert plan == tiny.without(model, heads={(1, 2)}, intermediate={(1, 4), (1, 9)})
    batch = tiny.batch_for(model)
    torch.testing.assert_close(
        tiny.logits(shrink(model, plan), batch), tiny.logits(model, batch), rtol=0, atol=2e-5
    )


def test_a_gain_is_the_slope_of_the_loss_along_its_gate() -> None:
    model = tiny.model().double()
    batch = questions(model, (6,))
    scores = gain_scores(model, [batch])
    step = 1e-6
    with GatedModel(model) as gated, torch.no_grad():
        for gate, vector in zip(gated.gates(), vectors(scores), strict=True):
            for unit in range(0, gate.units, 3):
                losses = []
                for value in (1 + step, 1 - step):
                    gate.values[unit] = value
                    losses.append(float(example_losses(gated, batch, learning)))
                gate.values[unit] = 1
                assert abs(losses[0] - losses[1]) / (2 * step) == pytest.approx(
                    vector[unit], rel=1e-4, abs=1e-9
                )


def test_the_loss_is_that_of_transformers() -> None:
    model = tiny.model()
    batch = questions(model, (5, 5, 5))
    torch.testing.assert_close(example_losses(model, batch, learning).mean(), model(**batch).loss)


@every_architecture
def test_cut_models_are_scored_too(model_type: str) -> None:
    cut = shrink(tiny.model(model_type), tiny.UNEVEN)
    scores = gain_scores(cut, [questions(cut)])
    assert [len(vector) for vector in vectors(scores)] == [3, 0, 0, 4]
    assert all((vector > 0).all() for vector in vectors(scores))
    assert [len(vector) for vector in vectors(gain_scores(shrink(cut, tiny.EMPTY), [questions(cut)]))] == [
        0
    ] * 4


def test_dropout_is_off_and_the_same_scores_come_again() -> None:
    model = tiny.model().train()
    first, second = (gain_scores(model, [questions(model)]) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(vectors(first), vectors(second), strict=True))


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_modes_flags_gradients_and_hooks_are_put_back(fails: bool) -> None:
    model = tiny.model().train()
    layers = layers_of(model)
    layers[0].linears["attention/query"].requires_grad_(False)
    layers[1].output.eval()

    def state() -> tuple[list[bool], list[bool], list[Tensor | None]]:
        parameters = list(model.parameters())
        modes = [module.training for module in model.modules()]
        return modes, [one.requires_grad for one in parameters], [one.grad for one in parameters]

    def batches() -> Iterator[dict[str, Tensor]]:
        yield questions(model)
        if fails:
            raise RuntimeError

    before = state()
    if fails:
        with pytest.raises(RuntimeError):
            gain_scores(model, batches())
    else:
        gain_scores(model, batches())
    assert state() == before
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_scoring_works_where_gradients_are_off() -> None:
    model = tiny.model()
    expected = gain_scores(model, [questions(model)])
    with torch.no_grad():
        scores = gain_scores(model, [questions(model)])
    assert all(np.array_equal(a, b) for a, b in zip(vectors(scores), vectors(expected), strict=True))


def test_no_examples_no_gains() -> None:
    with pytest.raises(InputError, match="no example to compute gains on"):
        gain_scores(tiny.model(), [])
