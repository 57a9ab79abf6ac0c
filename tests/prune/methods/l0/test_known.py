"""Models of which it is known what their units are worth, and L0 that has to find out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import tiny, training
from transformers import PreTrainedModel

from prune.cut import shrink
from prune.families.layers import layers_of
from prune.gates import GatedModel
from prune.methods.gain.gradients import gain_scores
from prune.methods.l0.hard_concrete import THRESHOLD, probability_open, sample
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import read_state
from prune.methods.l0.training import TrainedGates, train_gates
from prune.plan import KINDS, Kind, Plan, Scores, plan_above, plan_fractions
from prune.tasks.question_answering.stored import StoredWindows

USELESS_HEAD, USELESS_UNIT = (1, 2), (0, 3)
ESSENTIAL_HEAD, ESSENTIAL_UNIT = (0, 1), (1, 5)
"""Layer and index."""


def l0(
    model: PreTrainedModel,
    windows: StoredWindows,
    penalties: Mapping[Kind, Penalty],
    directory: Path,
    **settings: Any,
) -> TrainedGates:
    chosen = GateSettings(**({"batch_size": 16} | settings))
    return train_gates(model, windows, penalties, chosen, pad_token_id=0, directory=directory)


@torch.no_grad()
def planted(model_type: str = "bert") -> PreTrainedModel:
    """A head and an activation whose output nobody reads, and two that are read far better than the rest."""
    model = tiny.model(model_type).double()
    layers = layers_of(model)
    for layer in layers:
        layer.attention_output.weight *= 0.1
        layer.output.weight *= 0.1
    for (layer, head), factor in ((USELESS_HEAD, 0.0), (ESSENTIAL_HEAD, 50.0)):
        size = layers[layer].head_size
        layers[layer].attention_output.weight[:, head * size : (head + 1) * size] *= factor
    for (layer, unit), factor in ((USELESS_UNIT, 0.0), (ESSENTIAL_UNIT, 50.0)):
        layers[layer].output.weight[:, unit] *= factor
    return model


@pytest.mark.parametrize("together", [False, True], ids=["apart", "joint"])
def test_a_useless_unit_feels_the_penalty_alone(tmp_path: Path, together: bool) -> None:
    """Adam's first moment then is 0.1 · λ · P(1 − P), and its first step is the rate itself."""
    model, windows = planted(), training.windows(16)
    penalties: dict[Kind, Penalty] = {"heads": Penalty(5e-3), "intermediate": Penalty(2e-5)}
    runs = [penalties] if together else [{kind: penalties[kind]} for kind in KINDS]
    open_ = probability_open(torch.tensor(1.5, dtype=torch.float64)).item()
    for index, chosen in enumerate(runs):
        directory = tmp_path / str(index)
        trained = l0(model, windows, chosen, directory, learning_rate=0.07)
        state = read_state(directory)
        assert state is not None
        assert state.step == 1
        for kind in chosen:
            layer, unit = USELESS_HEAD if kind == "heads" else USELESS_UNIT
            place = sum(len(part) for part in trained.log_alpha[kind][:layer]) + unit
            slope = penalties[kind].weight * open_ * (1 - open_)
            assert state.first_moment[kind][place].item() == pytest.approx(0.1 * slope, rel=1e-12)
            assert state.second_moment[kind][place].item() == pytest.approx(1e-3 * slope**2, rel=1e-12)
            assert trained.log_alpha[kind][layer][unit] == pytest.approx(1.5 - 0.07, abs=1e-7)
            assert (state.first_moment[kind] - 0.1 * slope > 0.01 * slope).any()


def everything_of(trained: TrainedGates) -> Scores:
    """log α as scores; kinds that were not trained are empty."""
    none = tuple(np.zeros(0) for _ in range(tiny.NUM_LAYERS))
    return Scores(*(trained.log_alpha.get(kind, none) for kind in KINDS))


def test_a_useless_unit_goes_first_and_an_essential_one_last(tmp_path: Path) -> None:
    model, windows = planted(), training.windows(64, longest=12)
    for kind, useless, essential in (
        ("heads", USELESS_HEAD, ESSENTIAL_HEAD),
        ("intermediate", USELESS_UNIT, ESSENTIAL_UNIT),
    ):
        cheap: dict[Any, Penalty] = {kind: Penalty(1e-4)}
        layers = l0(model, windows, cheap, tmp_path / kind, epochs=15, distill=True).log_alpha[kind]  # type: ignore[index]
        assert np.concatenate(layers).min() == layers[useless[0]][useless[1]] < THRESHOLD
        assert layers[essential[0]][essential[1]] > 2
        dear: dict[Any, Penalty] = {kind: Penalty(1e-2)}
        trained = l0(model, windows, dear, tmp_path / f"{kind}, dear", epochs=25, distill=True)
        plan = plan_above(everything_of(trained), THRESHOLD)
        kept = plan.heads if kind == "heads" else plan.intermediate
        assert [(layer, unit) for layer, units in enumerate(kept) for unit in units] == [essential]


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_gain_finds_the_useless_unit_too(model_type: str) -> None:
    model = planted(model_type)
    scores = gain_scores(model, [tiny.labelled(tiny.batch_for(model))])
    assert scores.heads[USELESS_HEAD[0]][USELESS_HEAD[1]] == 0
    assert scores.intermediate[USELESS_UNIT[0]][USELESS_UNIT[1]] == 0
    assert sum((vector == 0).sum() for vector in scores.heads + scores.intermediate) == 2
    plan = plan_fractions(scores, heads=1 / 8, intermediate=1 / 24)
    assert plan == tiny.without(model, heads={USELESS_HEAD}, intermediate={USELESS_UNIT})


@torch.no_grad()
def two_detectors(strengths: tuple[float, float]) -> PreTrainedModel:
    """The second layer has two activations and nothing else; both see MARK, and nothing but MARK.

    What the first one writes is read as the start, what the second writes as the end. All else is zero.
    """
    whole = tiny.model().double()
    for name, weight in whole.named_parameters():
        weight.fill_(1.0 if "LayerNorm.weight" in name else 0.0)
    words = whole.bert.embeddings.word_embeddings.weight
    words[:, 2], words[:, 3] = 1.0, -1.0
    words[training.MARK] = 0.0
    words[training.MARK, 0], words[training.MARK, 1] = 1.0, -1.0
    layer = layers_of(whole)[1]
    intermediate = layer.linears["ffn/intermediate"].weight
    for unit, strength in enumerate(strengths):
        intermediate[unit, 0], intermediate[unit, 1] = 1.0, -1.0
        layer.output.weight[4 + 2 * unit, unit], layer.output.weight[5 + 2 * unit, unit] = strength, -strength
        whole.qa_outputs.weight[unit, 4 + 2 * unit], whole.qa_outputs.weight[unit, 5 + 2 * unit] = 1.5, -1.5
    return shrink(whole, Plan(((), ()), ((), (0, 1))))


@torch.no_grad()
def loss_at(model: PreTrainedModel, windows: StoredWindows, *gates: float) -> float:
    """The task's mean loss with gates of these values, by transformers' own loss, window by window."""
    losses = []
    with GatedModel(model) as gated:
        gated.intermediate_gates[1].values.data.copy_(torch.tensor(gates))
        for row in (windows.batch([index], 0) for index in range(len(windows))):
            inputs = {name: torch.from_numpy(array) for name, array in row.inputs().items()}
            answers = {name: torch.from_numpy(array) for name, array in row.labels.items()}
            outputs = model(**inputs, **answers)
            losses.append(outputs.loss.item())
    return float(np.mean(losses))


WINDOWS = training.windows(64, shortest=16)
STRENGTHS = (0.02, 0.002)


def test_the_two_detectors_are_worth_what_they_are_meant_to_be() -> None:
    """Without both, start and end are found by chance; what a gate gives is nearly in proportion to its value."""
    model = two_detectors(STRENGTHS)
    assert loss_at(model, WINDOWS, 0, 0) == pytest.approx(np.log(WINDOWS.lengths).mean(), abs=1e-9)
    whole = loss_at(model, WINDOWS, 1, 1)
    for unit, worth in enumerate((0.161, 0.0162)):
        without, half = ([1.0, 1.0] for _ in range(2))
        without[unit], half[unit] = 0.0, 0.5
        assert loss_at(model, WINDOWS, *without) - whole == pytest.approx(worth, rel=0.01)
        assert loss_at(model, WINDOWS, *half) - whole == pytest.approx(worth / 2, rel=0.1)
    assert loss_at(model, WINDOWS, 0, 0) - whole == pytest.approx(0.161 + 0.0162, rel=0.01)


@pytest.mark.parametrize(
    ("weight", "kept"),
    [(0.004, (0, 1)), (0.1, (0,)), (2.0, ())],
    ids=["both are worth it", "one is", "none is"],
)
def test_a_gate_stays_if_it_is_worth_more_than_it_costs(
    tmp_path: Path, weight: float, kept: tuple[int, ...]
) -> None:
    model = two_detectors(STRENGTHS)
    costs = {
        chosen: loss_at(model, WINDOWS, *(float(unit in chosen) for unit in (0, 1))) + weight * len(chosen)
        for chosen in ((), (0,), (1,), (0, 1))
    }
    assert min(costs, key=lambda chosen: costs[chosen]) == kept
    trained = l0(model, WINDOWS, {"intermediate": Penalty(weight)}, tmp_path, epochs=25, learning_rate=0.2)
    assert plan_above(everything_of(trained), THRESHOLD).intermediate == ((), kept)
    alone = loss_at(model, WINDOWS, *(float(unit in kept) for unit in (0, 1)))
    assert np.mean([record.loss for record in trained.log[-4:]]) == pytest.approx(alone, abs=0.02)


def slope_ratio(log_alpha: float) -> float:
    """By how much more log α moves the expected gate than it moves the chance of being open."""
    uniform = torch.linspace(0, 1, 100_002, dtype=torch.float64)[1:-1]
    value = torch.tensor(log_alpha, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(sample(value.expand(100_000), uniform).mean(), value)
    (chance,) = torch.autograd.grad(probability_open(value), value)
    return float(expected / chance)


@pytest.mark.parametrize("initial", [1.5, 0.0])
def test_from_its_start_a_gate_goes_down_where_the_expected_loss_does(tmp_path: Path, initial: float) -> None:
    """A gate of worth w, to which the loss is linear, first feels −w dE[gate] + λ dP(open).

    An open gate can be pushed closer to 1 while its chance of being open is all but 1 already: from log α
    = 1.5 on it takes 3.6 times its worth to close it, from 0 on 1.6 times.
    """
    ratio = slope_ratio(initial)
    assert ratio == pytest.approx({1.5: 3.647, 0.0: 1.564}[initial], abs=0.001)
    model = two_detectors((STRENGTHS[0], STRENGTHS[0]))
    for factor, opens in ((0.75, True), (1.35, False)):
        penalties: dict[Kind, Penalty] = {"intermediate": Penalty(factor * ratio * 0.161)}
        trained = l0(model, WINDOWS, penalties, tmp_path / str(factor), epochs=30, initial_log_alpha=initial)
        assert ((trained.log_alpha["intermediate"][1] > initial) == opens).all()
