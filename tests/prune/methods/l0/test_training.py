"""The model that gates are trained on, every architecture, what is refused and what comes out."""

import gc
import json
import weakref
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import tiny, training
from transformers import PreTrainedModel

from prune.cut import shrink
from prune.families.layers import layers_of, shape_of
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import Record, read_state
from prune.methods.l0.training import TrainedGates, train_gates
from prune.plan import KINDS, Kind, Plan
from prune.tasks.question_answering.stored import StoredWindows
from prune.train.precision import autocast
from trellis.errors import InputError

SETTINGS = GateSettings(batch_size=8)
BOTH: dict[Kind, Penalty] = {"heads": Penalty(0.05), "intermediate": Penalty(0.002, target=0.4)}


def l0(
    model: PreTrainedModel,
    directory: Path,
    *,
    windows: StoredWindows | None = None,
    penalties: Mapping[Kind, Penalty] = BOTH,
    settings: GateSettings = SETTINGS,
    **options: Any,
) -> TrainedGates:
    chosen = training.windows(40) if windows is None else windows
    return train_gates(model, chosen, penalties, settings, pad_token_id=0, directory=directory, **options)


def plain(trained: TrainedGates) -> Any:
    """Everything but the time."""
    return replace(trained, seconds_per_step=0.0).to_dict()


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
@pytest.mark.parametrize("plan", [None, tiny.UNEVEN, tiny.EMPTY], ids=["whole", "uneven", "empty"])
def test_every_architecture(tmp_path: Path, model_type: str, plan: Plan | None) -> None:
    model = tiny.model(model_type)
    model = model if plan is None else shrink(model, plan)
    trained = l0(model, tmp_path, windows=training.windows(16))
    shape = shape_of(model)
    assert [len(layer) for layer in trained.log_alpha["heads"]] == [layer.num_heads for layer in shape.layers]
    assert [len(layer) for layer in trained.log_alpha["intermediate"]] == [
        layer.intermediate_size for layer in shape.layers
    ]
    state = read_state(tmp_path)
    assert state is not None
    for kind in KINDS:
        assert state.first_moment[kind].isfinite().all()
        assert (state.first_moment[kind] != 0).all()
        assert all((layer != 1.5).all() for layer in trained.log_alpha[kind])
    json.dumps(trained.to_dict(), allow_nan=False)


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
@pytest.mark.parametrize("distill", [False, True], ids=["task", "distill"])
def test_the_model_comes_back_as_it_came(tmp_path: Path, fails: bool, distill: bool) -> None:
    model = tiny.model().train()
    layers = layers_of(model)
    layers[0].linears["attention/query"].requires_grad_(False)
    layers[1].output.eval()
    key = layers[0].linears["attention/key"]
    old = torch.ones_like(key.weight)
    key.weight.grad = old
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}

    def state() -> Any:
        modes = [module.training for module in model.modules()]
        return modes, [weight.requires_grad for weight in model.parameters()]

    def stop(record: Record, steps: int) -> None:
        inside.append(state())
        if fails and record.step == 3:
            raise RuntimeError("stop")

    before, inside = state(), []
    with pytest.raises(RuntimeError, match="stop") if fails else nullcontext():
        l0(model, tmp_path, settings=replace(SETTINGS, distill=distill), progress=stop)
    assert len(inside) == 3 if fails else 5
    assert not any(flag for modes, wants in inside for flag in modes + wants)
    assert state() == before
    assert [name for name, weight in model.named_parameters() if weight.grad is not None] == [
        "bert.encoder.layer.0.attention.self.key.weight"
    ]
    assert key.weight.grad is old
    assert (old == 1).all()
    assert not any(module._forward_pre_hooks for module in model.modules())
    after = model.state_dict()
    assert list(after) == list(weights)
    assert all(torch.equal(after[name], weights[name]) for name in weights)


def test_dropout_is_off(tmp_path: Path) -> None:
    found = [plain(l0(tiny.model().train(mode), tmp_path / str(mode))) for mode in (False, True)]
    assert found[0] == found[1]


def test_gates_are_trained_where_gradients_are_off(tmp_path: Path) -> None:
    expected = plain(l0(tiny.model(), tmp_path / "on"))
    with torch.no_grad():
        assert plain(l0(tiny.model(), tmp_path / "off")) == expected
        assert not torch.is_grad_enabled()


def test_nothing_holds_the_model_afterwards(tmp_path: Path) -> None:
    model, windows = tiny.model(), training.windows(40)
    l0(model, tmp_path, windows=windows)
    seen = weakref.ref(model), weakref.ref(windows)
    del model, windows
    gc.collect()
    assert [reference() for reference in seen] == [None, None]


def test_what_is_told_is_what_is_logged(tmp_path: Path) -> None:
    told: list[tuple[Record, int]] = []
    trained = l0(tiny.model(), tmp_path, progress=lambda record, steps: told.append((record, steps)))
    assert tuple(record for record, _ in told) == trained.log
    assert {steps for _, steps in told} == {5}
    assert [record.step for record in trained.log] == [1, 2, 3, 4, 5]
    rates = [SETTINGS.rate(step, 5) for step in range(5)]
    assert [record.learning_rate for record in trained.log] == rates
    assert all(record.weight["heads"] == 0.05 for record in trained.log)
    assert trained.seconds_per_step > 0


def test_going_on_after_the_end_changes_nothing(tmp_path: Path) -> None:
    first = l0(tiny.model(), tmp_path)
    told: list[Record] = []
    again = l0(tiny.model(), tmp_path, progress=lambda record, steps: told.append(record))
    assert plain(again) == plain(first)
    assert not told
    assert again.seconds_per_step == 0


def test_plain_values_and_back(tmp_path: Path) -> None:
    trained = l0(shrink(tiny.model(), tiny.UNEVEN), tmp_path)
    again = TrainedGates.from_dict(json.loads(json.dumps(trained.to_dict(), allow_nan=False)))
    assert again.log == trained.log
    assert again.seconds_per_step == trained.seconds_per_step
    for kind in KINDS:
        for ours, theirs in zip(again.log_alpha[kind], trained.log_alpha[kind], strict=True):
            assert ours.dtype == np.float64
            assert np.array_equal(ours, theirs)


def test_an_open_model_loses_nothing_to_itself(tmp_path: Path) -> None:
    """Where all gates drawn are exactly 1, the divergence and its gradient are 0 and only λ moves gates."""
    settings = replace(SETTINGS, distill=True, initial_log_alpha=40.0, learning_rate=1e-3)
    trained = l0(tiny.model().double(), tmp_path, penalties={"heads": Penalty(0.0)}, settings=settings)
    assert max(record.loss for record in trained.log) < 1e-12
    assert all((layer == 40.0).all() for layer in trained.log_alpha["heads"])


@pytest.mark.parametrize("distill", [False, True], ids=["task", "distill"])
def test_mixed_precision_is_near(tmp_path: Path, distill: bool) -> None:
    found = []
    for dtype in (None, torch.bfloat16):
        options = {} if dtype is None else {"autocast": lambda: autocast("bf16")}
        settings = replace(SETTINGS, distill=distill)
        found.append(l0(tiny.model(), tmp_path / str(dtype), settings=settings, **options))
    exact, mixed = ([record.loss for record in trained.log] for trained in found)
    assert mixed != exact
    assert mixed == pytest.approx(exact, abs=0.05)


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no window to train gates on; give at least one question"):
        l0(tiny.model(), tmp_path, windows=StoredWindows.of([]))
    with pytest.raises(InputError, match="A window has 65 tokens and the model reads at most 64"):
        l0(tiny.model(), tmp_path, windows=training.windows(4, shortest=65, longest=65))
    broken = tiny.model()
    layers_of(broken)[1].output.weight.data[0, 0] = torch.nan
    with pytest.raises(InputError, match="is no finite number at step 1 of training gates"):
        l0(broken, tmp_path)
    assert not any(module._forward_pre_hooks for module in broken.modules())
    assert not list(tmp_path.iterdir())


def test_too_little_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*arguments: object, **options: object) -> None:
        raise torch.OutOfMemoryError("nothing left")

    model = tiny.model()
    monkeypatch.setattr(model, "forward", exhausted)
    with pytest.raises(InputError, match="Memory does not do for 8 windows at once"):
        l0(model, tmp_path)
