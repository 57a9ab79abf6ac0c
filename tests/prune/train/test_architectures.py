"""Every architecture, cut and whole."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import tiny, training

from prune.cut import shrink
from prune.families.layers import encoder_and_original
from prune.plan import Plan
from prune.tasks.question_answering.learning import label_losses
from prune.train.rows import StoredRows
from prune.train.settings import TrainingSettings
from prune.train.stepping import inputs_for
from prune.train.trainer import train

SETTINGS = TrainingSettings(
    epochs=1,
    learning_rate=1e-3,
    batch_size=8,
    held_out=0.0,
    dropout=0.0,
    mixed_precision="no",
    save_every=None,
)


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
@pytest.mark.parametrize("plan", [tiny.UNEVEN, tiny.EMPTY], ids=["uneven", "empty"])
def test_cut_models_of_every_architecture_train(tmp_path: Path, model_type: str, plan: Plan) -> None:
    whole = tiny.model(model_type)
    model = shrink(whole, plan)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    windows = training.windows(20)
    settings = replace(SETTINGS, hidden_weight=0.1, task_weight=0.5)
    train(model, windows, settings, pad_token_id=0, directory=tmp_path, teacher=whole)
    after = model.state_dict()
    unmoved = {name for name in before if before[name].numel() and torch.equal(before[name], after[name])}
    takes_types = encoder_and_original(model)[0].takes_token_types
    assert {name for name in unmoved if not name.endswith(("position_ids", "token_type_ids"))} <= (
        set() if takes_types else {name for name in before if "token_type_embeddings" in name}
    )
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_dropout_is_as_set(tmp_path: Path, model_type: str) -> None:
    """Without dropout the first step's loss is that of evaluation; with much of it, it is not."""
    windows = training.windows(16)
    settings = replace(SETTINGS, batch_size=16, learning_rate=0.0)
    losses = []
    for index, dropout in enumerate((0.0, 0.8, None)):
        model = tiny.model(model_type)
        rates = {name: vars(module).get("p") for name, module in model.named_modules()}
        outcome = train(
            model,
            windows,
            replace(settings, dropout=dropout),
            pad_token_id=0,
            directory=tmp_path / str(index),
        )
        assert {name: vars(module).get("p") for name, module in model.named_modules()} == rates
        losses.append(outcome.log[0].loss)
    batch = StoredRows(windows, 0).__getitems__(range(16))
    with torch.no_grad():
        outputs = model(**inputs_for(model, batch))
    expected = label_losses(outputs, batch)
    assert losses[0] == pytest.approx(expected.mean().item(), abs=1e-4)  # transformers 4 rounds it
    assert len({round(loss or 0, 5) for loss in losses}) == 3
