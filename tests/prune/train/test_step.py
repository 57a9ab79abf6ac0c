"""One step of training against the formulas."""

import copy
from pathlib import Path

import pytest
import torch
from support import tiny, training

from prune.cut import shrink
from prune.tasks.question_answering.learning import label_losses
from prune.train.rows import StoredRows
from prune.train.settings import TrainingSettings
from prune.train.stepping import inputs_for
from prune.train.trainer import train


@pytest.mark.parametrize("micro", [4, 2, 1])
@pytest.mark.parametrize("count", [4, 3])
@pytest.mark.parametrize("max_grad_norm", [0.0, 0.5])
def test_one_step_is_adamw_by_hand(tmp_path: Path, micro: int, count: int, max_grad_norm: float) -> None:
    """At the first step Adam's moments are the gradient g itself: −η (g / (|g| + ε) + decay · w)."""
    model = shrink(tiny.model("bert").double(), tiny.UNEVEN)
    windows, rate, decay = training.windows(count), 1e-3, 0.1
    by_hand = copy.deepcopy(model)
    batch = StoredRows(windows, 0).__getitems__(range(count))
    outputs = by_hand(**inputs_for(by_hand, batch))
    losses = label_losses(outputs, batch)
    losses.mean().backward()
    gradients = {name: weight.grad for name, weight in by_hand.named_parameters() if weight.numel()}
    norm = torch.cat([g.flatten() for g in gradients.values() if g is not None]).norm()
    scale = min(1.0, float(max_grad_norm / (norm + 1e-6))) if max_grad_norm else 1.0
    assert (scale < 1) == bool(max_grad_norm)
    expected = {name: tensor.clone() for name, tensor in by_hand.state_dict().items()}
    for name, gradient in gradients.items():
        assert gradient is not None
        g = gradient * scale
        is_decayed = not (name.endswith("bias") or "LayerNorm" in name)
        expected[name] -= rate * (g / (g.abs() + 1e-8) + is_decayed * decay * expected[name])
    settings = TrainingSettings(
        epochs=1,
        learning_rate=rate,
        batch_size=4,
        micro_batch_size=micro,
        warmup=0,
        weight_decay=decay,
        max_grad_norm=max_grad_norm,
        held_out=0,
        dropout=0.0,
    )
    outcome = train(model, windows, settings, pad_token_id=0, directory=tmp_path)
    assert outcome.steps == 1
    assert outcome.log[0].loss == pytest.approx(losses.mean().item(), abs=1e-4)  # transformers 4 rounds it
    assert outcome.log[0].learning_rate == rate
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-9)
