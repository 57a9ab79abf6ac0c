"""L0 against a slow and plain implementation: weights multiplied, window by window, torch's Adam."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from support import tiny, training
from torch import Tensor
from torch.func import functional_call
from transformers import PreTrainedModel

from prune.cut import shrink
from prune.families.layers import encoder_and_original, layers_of
from prune.methods.l0 import step as gate_step
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.training import TrainedGates, train_gates
from prune.plan import KINDS, Kind
from prune.tasks.question_answering.stored import StoredWindows
from prune.train.order import epoch_order

BOTH: dict[Kind, Penalty] = {"heads": Penalty(0.05), "intermediate": Penalty(0.002)}
COUNT, BATCH = 37, 8
"""The fifth batch of an epoch has five windows."""


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What gates are drawn from, in the order of the draws."""
    seen: list[Tensor] = []
    original = gate_step.sample

    def noting(log_alpha: Tensor, uniform: Tensor) -> Tensor:
        seen.append(uniform)
        return original(log_alpha, uniform)

    monkeypatch.setattr(gate_step, "sample", noting)
    return seen


def gated_weights(model: PreTrainedModel, gates: Mapping[Kind, Tensor]) -> dict[str, Tensor]:
    """The output projections' columns times the gate of their head or activation, which comes to the same."""
    names = {module: name for name, module in model.named_modules()}
    weights = {}
    for kind, values in gates.items():
        layers = layers_of(model)
        sizes = [layer.num_heads if kind == "heads" else layer.intermediate_size for layer in layers]
        for layer, part in zip(layers, values.split(sizes), strict=True):
            linear = layer.attention_output if kind == "heads" else layer.output
            wide = part.repeat_interleave(layer.head_size) if kind == "heads" else part
            weights[f"{names[linear]}.weight"] = linear.weight.detach() * wide
    return weights


def row_loss(
    model: PreTrainedModel,
    weights: dict[str, Tensor],
    windows: StoredWindows,
    row: int,
    settings: GateSettings,
) -> Tensor:
    """transformers' own loss, or torch's own divergence from the model as it is."""
    batch = windows.batch([row], 0)
    inputs = {name: torch.from_numpy(array) for name, array in batch.inputs().items()}
    if not encoder_and_original(model)[0].takes_token_types:
        del inputs["token_type_ids"]
    answers = {name: torch.from_numpy(array) for name, array in batch.labels.items()}
    outputs = functional_call(model, weights, kwargs=inputs | answers)
    if not settings.distill:
        return outputs.loss
    with torch.no_grad():
        whole = model(**inputs)
    heat = settings.temperature
    parts = [
        torch.nn.functional.kl_div(
            torch.log_softmax(ours / heat, -1),
            torch.log_softmax(theirs / heat, -1),
            reduction="sum",
            log_target=True,
        )
        for ours, theirs in (
            (outputs.start_logits, whole.start_logits),
            (outputs.end_logits, whole.end_logits),
        )
    ]
    return heat**2 * (parts[0] + parts[1]) / 2


def by_hand(
    model: PreTrainedModel,
    windows: StoredWindows,
    penalties: Mapping[Kind, Penalty],
    settings: GateSettings,
    noise: list[Tensor],
) -> tuple[dict[Kind, Tensor], list[float]]:
    """log α after all steps, and the task's loss at each."""
    numbers, losses = iter(noise), []
    layers, beta = layers_of(model), 2 / 3
    units = {
        "heads": sum(layer.num_heads for layer in layers),
        "intermediate": sum(layer.intermediate_size for layer in layers),
    }
    log_alpha = {
        kind: torch.full((units[kind],), settings.initial_log_alpha, dtype=torch.float64, requires_grad=True)
        for kind in penalties
    }
    optimizer = torch.optim.Adam(log_alpha.values(), eps=1e-12)
    steps, per_epoch = settings.steps(len(windows)), math.ceil(len(windows) / settings.batch_size)
    for step in range(steps):
        epoch, batch = step // per_epoch, step % per_epoch
        order = epoch_order(windows.lengths, settings.batch_size, seed=settings.seed, epoch=epoch)
        rows = np.split(order, range(settings.batch_size, len(order), settings.batch_size))[batch]
        gates = {}
        for kind, values in log_alpha.items():
            u = next(numbers)
            s = torch.sigmoid((torch.log(u) - torch.log(1 - u) + values) / beta)
            gates[kind] = torch.clamp(1.2 * s - 0.1, 0, 1)
        weights = gated_weights(model, gates)
        task = torch.stack([row_loss(model, weights, windows, int(row), settings) for row in rows]).mean()
        penalty = sum(
            penalties[kind].weight * torch.sigmoid(values - beta * math.log(0.1 / 1.1)).sum()
            for kind, values in log_alpha.items()
        )
        optimizer.param_groups[0]["lr"] = settings.rate(step, steps)
        optimizer.zero_grad()
        (task + penalty).backward()
        optimizer.step()
        losses.append(task.item())
    assert next(numbers, None) is None
    return {kind: values.detach() for kind, values in log_alpha.items()}, losses


def compare(
    model: PreTrainedModel,
    penalties: Mapping[Kind, Penalty],
    settings: GateSettings,
    noise: list[Tensor],
    directory: Path,
) -> TrainedGates:
    windows = training.windows(COUNT)
    trained = train_gates(model, windows, penalties, settings, pad_token_id=0, directory=directory)
    expected, losses = by_hand(model, windows, penalties, settings, noise)
    assert trained.log_alpha.keys() == penalties.keys()
    for kind, layers in trained.log_alpha.items():
        np.testing.assert_allclose(np.concatenate(layers), expected[kind], rtol=0, atol=1e-10)
        assert np.ptp(np.concatenate(layers)) > 0.1
    assert [record.loss for record in trained.log] == pytest.approx(losses, abs=1e-12)
    return trained


@pytest.mark.parametrize("kinds", [KINDS[:1], KINDS[1:], KINDS], ids=["heads", "intermediate", "joint"])
@pytest.mark.parametrize("distill", [False, True], ids=["task", "distill"])
def test_ten_steps_are_those_of_the_reference(
    tmp_path: Path, noise: list[Tensor], kinds: tuple[Kind, ...], distill: bool
) -> None:
    settings = GateSettings(epochs=2, batch_size=BATCH, distill=distill, temperature=3.0)
    trained = compare(tiny.model().double(), {kind: BOTH[kind] for kind in kinds}, settings, noise, tmp_path)
    assert len(trained.log) == 10


@pytest.mark.parametrize("micro", [1, 3, 7, 8, 100])
def test_how_many_go_through_at_once_does_not_matter(tmp_path: Path, noise: list[Tensor], micro: int) -> None:
    settings = GateSettings(epochs=1, batch_size=BATCH, micro_batch_size=micro, distill=micro == 3)
    compare(tiny.model().double(), BOTH, settings, noise, tmp_path)


@pytest.mark.parametrize("model_type", ["roberta", "distilbert"])
def test_a_cut_model_too(tmp_path: Path, noise: list[Tensor], model_type: str) -> None:
    """One sublayer of each layer is empty; the last epoch is broken off."""
    model = shrink(tiny.model(model_type).double(), tiny.UNEVEN)
    settings = GateSettings(epochs=1.4, batch_size=BATCH, seed=3)
    trained = compare(model, BOTH, settings, noise, tmp_path)
    assert len(trained.log) == 7
    assert [len(layer) for kind in KINDS for layer in trained.log_alpha[kind]] == [3, 0, 0, 4]


def test_noise_is_uniform_and_new_at_each_step_for_each_kind_and_seed(
    tmp_path: Path, noise: list[Tensor]
) -> None:
    windows = training.windows(COUNT)
    for seed in (0, 1):
        settings = GateSettings(epochs=20, batch_size=BATCH, seed=seed)
        train_gates(tiny.model(), windows, BOTH, settings, pad_token_id=0, directory=tmp_path / str(seed))
    assert len(noise) == 2 * 100 * 2
    everything = torch.cat(noise)
    assert stats.kstest(everything.numpy(), "uniform").pvalue > 1e-3
    assert len(everything.unique()) == len(everything)
    first_heads = [numbers[0].item() for numbers in noise if len(numbers) == 8]
    assert stats.kstest(first_heads, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(first_heads[:-1], first_heads[1:])[0, 1]) < 0.25


def summary(trained: TrainedGates) -> Any:
    return {kind: [layer.tolist() for layer in layers] for kind, layers in trained.log_alpha.items()}


def test_the_seed_decides(tmp_path: Path) -> None:
    windows, found = training.windows(COUNT), []
    for index, seed in enumerate((0, 0, 1)):
        torch.manual_seed(index)
        settings = GateSettings(batch_size=BATCH, seed=seed)
        directory = tmp_path / str(index)
        found.append(train_gates(tiny.model(), windows, BOTH, settings, pad_token_id=0, directory=directory))
    assert summary(found[0]) == summary(found[1]) != summary(found[2])
