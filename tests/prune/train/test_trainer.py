import copy
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support import tiny, training
from transformers import PreTrainedModel

from prune.cut import shrink
from prune.shape import ModelShape
from prune.tasks.question_answering.learning import label_losses
from prune.tasks.question_answering.stored import StoredWindows
from prune.train.outcome import TrainingOutcome
from prune.train.rows import StoredRows
from prune.train.settings import TrainingSettings
from prune.train.stepping import TaskTrainer, inputs_for
from prune.train.trainer import train
from trellis.errors import InputError

SETTINGS = TrainingSettings(
    epochs=2,
    learning_rate=1e-3,
    batch_size=8,
    held_out=0.1,
    dropout=0.0,
    mixed_precision="no",
    save_every=None,
)


def _train(
    model: PreTrainedModel, windows: StoredWindows, directory: Path, settings: TrainingSettings, **more: Any
) -> TrainingOutcome:
    return train(model, windows, settings, pad_token_id=0, directory=directory, **more)


def _weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _furthest(model: PreTrainedModel, weights: dict[str, torch.Tensor]) -> float:
    ours = model.state_dict()
    assert ours.keys() == weights.keys()
    return max(float((ours[name] - weights[name]).abs().max()) for name in ours if ours[name].numel())


def test_an_easy_task_is_learnt(tmp_path: Path) -> None:
    model = tiny.model("bert", seed=1)
    settings = replace(SETTINGS, epochs=6, batch_size=16, learning_rate=3e-3)
    told: list[tuple[int, int, str]] = []
    outcome = _train(
        model, training.windows(300), tmp_path, settings, progress=lambda *news: told.append(news)
    )
    assert outcome.steps == 6 * 17
    assert [entry.step for entry in outcome.log if entry.eval_loss is not None] == list(range(17, 103, 17))
    last = outcome.log[-1]
    assert (last.epoch, last.step) == (6.0, 102)
    assert last.loss is not None
    assert last.loss < 0.02 < 2 < (outcome.log[0].loss or 0)
    assert last.eval_loss is not None
    assert last.eval_loss < 0.1
    assert last.eval_exact_span == 1.0
    assert [done for done, _, _ in told] == list(range(1, 103))
    assert {total for _, total, _ in told} == {102}
    assert told[18][2].startswith("loss ")
    assert "; held-out " in told[18][2]
    seconds = [entry.seconds for entry in outcome.log]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < seconds[-1] == outcome.seconds


def test_nothing_is_learnt_from_oneself(tmp_path: Path) -> None:
    """KL and hidden distance have no gradient at the teacher, so weights move by rounding alone."""
    model = tiny.model("bert").double()
    before = _weights(model)
    settings = replace(SETTINGS, learning_rate=1e-9, weight_decay=0, hidden_weight=1.0)
    outcome = _train(model, training.windows(40), tmp_path, settings, teacher=copy.deepcopy(model))
    assert _furthest(model, before) < 1e-7
    assert max(entry.loss for entry in outcome.log if entry.loss is not None) < 1e-12


def test_a_student_comes_to_answer_as_its_teacher(tmp_path: Path) -> None:
    teacher = tiny.model("bert")
    model = shrink(teacher, tiny.without(teacher, heads={(0, 1), (1, 2)}, intermediate={(0, 3), (1, 7)}))
    before = _weights(teacher)
    settings = replace(SETTINGS, epochs=4, learning_rate=3e-3, hidden_weight=1.0, weight_decay=0.0)
    outcome = _train(model, training.windows(200), tmp_path, settings, teacher=teacher)
    looks = [entry.eval_loss for entry in outcome.log if entry.eval_loss is not None]
    assert looks[-1] < (outcome.log[0].loss or 0) / 3
    assert not _furthest(teacher, before)


def test_held_out_windows_are_not_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = training.windows(60, shortest=20)
    kept, held_out = windows.split(SETTINGS.held_out, SETTINGS.seed)
    assert len(held_out) == 6
    seen: dict[bool, set[tuple[int, ...]]] = {True: set(), False: set()}
    original = TaskTrainer._losses

    def noting(self: TaskTrainer, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Any:
        rows = zip(batch["input_ids"].tolist(), batch["attention_mask"].sum(1).tolist(), strict=True)
        seen[model.training] |= {tuple(ids[:length]) for ids, length in rows}
        return original(self, model, batch)

    monkeypatch.setattr(TaskTrainer, "_losses", noting)
    _train(tiny.model("bert"), windows, tmp_path, SETTINGS)

    def texts(chosen: StoredWindows) -> set[tuple[int, ...]]:
        arrays = [chosen.batch([index], 0).input_ids[0] for index in range(len(chosen))]
        return {tuple(ids.tolist()) for ids in arrays}

    assert seen == {True: texts(kept), False: texts(held_out)}


def test_evaluation_is_the_objective_itself(tmp_path: Path) -> None:
    """With a learning rate of 0, what the log says must be what the untouched model has."""
    model = tiny.model("bert")
    windows = training.windows(70)
    outcome = _train(model, windows, tmp_path, replace(SETTINGS, learning_rate=0.0, batch_size=6))
    for chosen, field in zip(windows.split(0.1, 0), ("loss", "eval_loss"), strict=True):
        batch = StoredRows(chosen, 0).__getitems__(range(len(chosen)))
        with torch.no_grad():
            outputs = model(**inputs_for(model, batch))
        losses = label_losses(outputs, batch)
        noted = [getattr(entry, field) for entry in outcome.log if getattr(entry, field) is not None]
        if field == "eval_loss":
            assert noted == pytest.approx([losses.mean().item()] * 2, abs=1e-6)
        else:  # each step has its own windows
            assert min(noted) < losses.mean().item() < max(noted)
    spans = [logits.masked_fill(batch["attention_mask"] == 0, -9e9).argmax(1) for logits in outputs[:2]]
    right = (spans[0] == batch["start_positions"]) & (spans[1] == batch["end_positions"])
    assert outcome.log[-1].eval_exact_span == pytest.approx(right.double().mean().item())


def test_the_best_weights_are_kept_and_patience_ends(tmp_path: Path) -> None:
    """Weights decay fast and the learning rate grows all the time: at some point it only gets worse."""
    settings = replace(
        SETTINGS, epochs=12, learning_rate=0.03, weight_decay=2.0, warmup=1.0, evaluate_every=0.5, patience=3
    )
    model = tiny.model("bert")
    outcome = _train(model, training.windows(120), tmp_path, settings)
    looks = {entry.step: entry.eval_loss for entry in outcome.log if entry.eval_loss is not None}
    assert outcome.best_step == min(looks, key=lambda step: looks[step] or 0)
    assert [step for step in looks if step > outcome.best_step] == list(looks)[-3:]
    assert outcome.steps == list(looks)[-1] < 12 * 14
    untrained = tiny.model("bert", seed=9)
    told: list[int] = []
    again = _train(
        untrained, training.windows(120), tmp_path, settings, progress=lambda step, *_: told.append(step)
    )
    assert again == outcome
    assert not told
    assert not _furthest(untrained, _weights(model))
    untouched = _train(
        model, training.windows(120), tmp_path / "look", replace(settings, learning_rate=0, epochs=1)
    )
    assert untouched.log[-1].eval_loss == pytest.approx(looks[outcome.best_step], abs=1e-6)


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_the_model_comes_back_as_it_came(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder, precision: Any
) -> None:
    model, teacher = shrink(tiny.model("bert"), tiny.UNEVEN), tiny.model("bert")
    model.train(True)
    model.get_submodule("qa_outputs").train(False)
    environment = dict(os.environ)

    def look(seen: PreTrainedModel) -> Any:
        modes = [module.training for module in seen.modules()]
        wants = [weight.requires_grad for weight in seen.parameters()]
        return set(vars(seen)), modes, wants, seen.dtype, seen.device, seen.config.to_dict()

    before = look(model), look(teacher)
    weights = _weights(model)
    settings = replace(SETTINGS, mixed_precision=precision)
    first = _train(model, training.windows(30), tmp_path / "1", settings, teacher=teacher)
    assert (look(model), look(teacher)) == before
    assert all(weight.grad is None for weight in model.parameters())
    model.load_state_dict(weights)
    second = _train(model, training.windows(30), tmp_path / "2", settings, teacher=teacher)
    assert [entry.loss for entry in second.log] == [entry.loss for entry in first.log]
    assert dict(os.environ) == environment
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert not [str(warning.message) for warning in recwarn]


def test_mixed_precision_is_used(tmp_path: Path) -> None:
    windows, exact, mixed = training.windows(40), [], []
    for losses, precision in ((exact, "no"), (mixed, "bf16")):
        settings = replace(SETTINGS, mixed_precision=precision, batch_size=16)  # type: ignore[arg-type]
        model = tiny.model("bert")
        outcome = _train(model, windows, tmp_path / precision, settings)
        assert model.dtype == torch.float32
        losses += [entry.loss for entry in outcome.log]
    assert mixed != exact
    assert mixed == pytest.approx(exact, abs=0.03)


def test_interrupted_from_the_keyboard_it_goes_on(tmp_path: Path) -> None:
    settings = replace(SETTINGS, save_every=0.2, dropout=0.1)
    windows = training.windows(80)
    straight, model = tiny.model("bert"), tiny.model("bert")
    _train(straight, windows, tmp_path / "straight", settings)
    first_steps = []

    def interrupt(step: int, total: int, said: str) -> None:
        if not first_steps or step == first_steps[-1] + 3:
            first_steps.append(step)
            raise KeyboardInterrupt

    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            _train(model, windows, tmp_path / "work", settings, progress=interrupt)
    assert all(weight.grad is None for weight in model.parameters())
    assert not model.training
    fresh = tiny.model("bert")
    _train(fresh, windows, tmp_path / "work", settings)
    assert _furthest(fresh, _weights(straight)) < 1e-6


def test_diverged_training_says_so(tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e3, max_grad_norm=1e9, warmup=0.0)
    with pytest.raises(InputError, match=r"diverged before step \d+: .* lower the learning rate"):
        _train(tiny.model("bert"), training.windows(80), tmp_path, settings)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    model = tiny.model("bert")
    if not torch.cuda.is_available():  # which does
        with pytest.raises(InputError, match="does not compute in fp16"):
            _train(model, training.windows(8), tmp_path, replace(SETTINGS, mixed_precision="fp16"))
    with pytest.raises(InputError, match="no windows to train on"):
        _train(model, StoredWindows.of([]), tmp_path, SETTINGS)
    with pytest.raises(InputError, match="A window has 65 tokens and the model reads at most 64"):
        _train(model, training.windows(4, shortest=65, longest=65), tmp_path, SETTINGS)
    deeper = tiny.model("bert", ModelShape.uniform(3, tiny.NUM_HEADS, tiny.INTERMEDIATE_SIZE))
    with pytest.raises(InputError, match="3 layers of hidden size 16 and the model 2 of 16"):
        _train(model, training.windows(8), tmp_path, replace(SETTINGS, hidden_weight=1.0), teacher=deeper)
    assert not list(tmp_path.iterdir())
