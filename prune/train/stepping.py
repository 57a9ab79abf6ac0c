"""transformers' Trainer with our loss, our rows, and checkpoints that survive a kill."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from prune.families.layers import encoder_and_original
from prune.tasks.learning import learning_of
from prune.train import checkpoints
from prune.train.objective import example_losses
from prune.train.outcome import looks_since_best
from prune.train.rows import COUNT, StoredRows, TrainingRows
from prune.train.settings import TrainingSettings
from trellis.errors import InputError
from trellis.ranks import ranks, wait

Progress = Callable[[int, int, str], None]
"""Called on rank 0 with (steps done, steps in all, the latest figures in words)."""


class TaskTrainer(Trainer):
    """Minimises the mean of `example_losses` over each whole batch, however ranks and accumulation share it."""

    loss_is_scaled_for_ga = True  # transformers 5; before, a compute_loss_func says so

    def __init__(
        self,
        model: PreTrainedModel,
        teacher: PreTrainedModel | None,
        settings: TrainingSettings,
        arguments: TrainingArguments,
        train: TrainingRows,
        held_out: StoredRows | None,
        callback: TrainerCallback,
    ) -> None:
        as_it_is: Any = _as_it_is  # typed for rows that come one by one
        super().__init__(
            model,
            arguments,
            as_it_is,
            train,
            held_out,
            compute_loss_func=example_losses,
            compute_metrics=_means,
            callbacks=[callback],
        )
        self.remove_callback(PrinterCallback)
        self._rows = train
        self._settings = settings
        self._teacher = teacher
        self._learning = learning_of(encoder_and_original(model)[0].task)
        self._begun = time.monotonic()

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> SequentialSampler:
        return SequentialSampler(self._rows)  # they are in order already

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """This rank's part of the batch's mean, times the ranks: gradients are averaged over them."""
        losses, outputs = self._losses(model, inputs)
        counts = inputs[COUNT]
        shares = torch.where(counts > 0, losses / counts.clamp_min(1), 0.0)
        loss = shares.sum() * self.args.world_size
        return (loss, outputs) if return_outputs else loss

    def prediction_step(
        self, model: torch.nn.Module, inputs: dict[str, Tensor], *args: Any, **kwargs: Any
    ) -> tuple[None, Tensor, Tensor]:
        """Nothing is kept of a row but [loss, whether it is right]: memory does not grow with them."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            losses, outputs = self._losses(model, inputs)
        right = self._learning.are_right(outputs, inputs)
        noted = torch.stack([losses, right.to(losses.dtype)], dim=1)
        return None, noted, noted

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Note the figures with the seconds of training so far. Raises InputError where training diverged."""
        for name in ("loss", "eval_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise InputError(
                    f"Training diverged before step {self.state.global_step}: its loss is no number; "
                    "lower the learning rate."
                )
        logs["seconds"] = self._seconds_before() + time.monotonic() - self._begun
        super().log(logs, *args, **kwargs)

    def _seconds_before(self) -> float:
        """Of the attempts whose notes this one took over."""
        if not hasattr(self, "_earlier"):
            history = self.state.log_history
            self._earlier = float(history[-1]["seconds"]) if history else 0.0
        return self._earlier

    def _losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, Any]:
        student: Any = self.model
        wants_hidden = self._teacher is not None and self._settings.hidden_weight > 0
        outputs = model(**inputs_for(student, batch), output_hidden_states=wants_hidden)
        answers = None
        if self._teacher is not None:
            with torch.no_grad(), self.accelerator.autocast():
                answers = self._teacher(**inputs_for(self._teacher, batch), output_hidden_states=wants_hidden)
        return example_losses(outputs, answers, batch, self._learning, self._settings), outputs


class KeepCheckpoints(TrainerCallback):
    """Says when to look at held-out windows, when to save and stop; marks what is saved; reports."""

    def __init__(
        self,
        directory: Path,
        settings: TrainingSettings,
        *,
        evaluate_steps: int | None,
        save_steps: int | None,
        progress: Progress | None,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._evaluate_steps = evaluate_steps
        self._save_steps = save_steps
        self._progress = progress if ranks().is_main else None
        self._said: dict[str, str] = {}

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """A checkpoint follows each look, and notes precede it, so that going on from it forgets nothing."""
        step, is_last = state.global_step, state.global_step >= state.max_steps
        looks = self._evaluate_steps is not None and (is_last or step % self._evaluate_steps == 0)
        control.should_evaluate = looks
        control.should_save = (
            looks or is_last or (self._save_steps is not None and step % self._save_steps == 0)
        )
        control.should_log |= control.should_save
        if self._progress:
            self._progress(step, state.max_steps, "; ".join(self._said.values()))

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Put the latest figures into words."""
        logs = kwargs["logs"]
        if "loss" in logs:
            self._said["training"] = f"loss {logs['loss']:.3g}"
        if "eval_loss" in logs:
            self._said["look"] = f"held-out {logs['eval_loss']:.3g}, exact {logs['eval_exact_span']:.1%}"

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """The files are written, by all ranks: now the checkpoint counts, and older ones can go."""
        wait()
        if ranks().is_main:
            checkpoints.finish(self._directory, state.global_step, best=state.best_global_step)
        if is_out_of_patience(vars(state), self._settings):
            control.should_training_stop = True


def is_out_of_patience(state: Mapping[str, Any], settings: TrainingSettings) -> bool:
    """Whether the last looks at the held-out windows, `patience` of them, were none better."""
    return settings.patience is not None and looks_since_best(state) >= settings.patience


def inputs_for(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those tensors of `batch` that `model` reads."""
    names = ["input_ids", "attention_mask"]
    if encoder_and_original(model)[0].takes_token_types and "token_type_ids" in batch:
        names.append("token_type_ids")
    return {name: batch[name] for name in names}


def _means(noted: Any) -> dict[str, float]:
    loss, exact_span = noted.predictions.mean(axis=0, dtype=float)
    return {"loss": loss, "exact_span": exact_span}


def _as_it_is(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The rows come as a batch."""
    return batch
