"""Continued training (section "Continued training"): retraining, or distillation from the unpruned model."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model
from transformers import PreTrainedModel, TrainingArguments

from prune.families.layers import encoder_and_original
from prune.modes import evaluating, placed
from prune.tasks.examples import Examples
from prune.train import checkpoints
from prune.train.outcome import TrainingOutcome, outcome_of
from prune.train.precision import precision_of
from prune.train.rows import StoredRows, TrainingRows
from prune.train.settings import TrainingSettings
from prune.train.stepping import KeepCheckpoints, Progress, TaskTrainer, is_out_of_patience
from prune.train.trainer_context import borrowed, quiet
from trellis.errors import InputError, Parameter
from trellis.ranks import ranks, uses_cpu, wait

_LOGS_PER_EPOCH = 100


def train(
    model: PreTrainedModel,
    windows: Examples,
    settings: TrainingSettings,
    *,
    pad_token_id: int,
    directory: Path,
    teacher: PreTrainedModel | None = None,
    progress: Progress | None = None,
) -> TrainingOutcome:
    """Train `model` in place: by the labels, or by a teacher's outputs where there is one.

    `directory` is this run's own, for its checkpoints: killed at any moment, the same call goes on from the
    last one, and after its end it only takes the weights from there. What else it depends on must be the same;
    that is for the caller to see to. Where several ranks train, all see the same directory. Afterwards model
    and teacher are on the devices and in the modes they came with. Raises InputError for sizes that do not
    fit together, and where training diverges.
    """
    here = ranks()
    _check(model, teacher, windows, settings)
    settings.accumulation(here.count)
    precision = precision_of(settings.mixed_precision, model.dtype)
    kept, held_out = windows.split(settings.held_out, settings.seed)
    steps_per_epoch = -(-len(kept) // settings.batch_size)
    steps = max(1, round(settings.epochs * steps_per_epoch))
    last = _begin(directory)
    state = checkpoints.state_of(directory, last) if last is not None else None
    if state is None or not (last == steps or is_out_of_patience(state, settings)):
        with ExitStack() as stack:
            for context in (quiet(), placed(model, here.device), evaluating(model)):
                stack.enter_context(context)
            stack.enter_context(borrowed(model, dropout=settings.dropout, precision=precision))
            if teacher is not None:
                stack.enter_context(placed(teacher, here.device))
                stack.enter_context(evaluating(teacher))
            rows = TrainingRows(
                kept, pad_token_id, batch_size=settings.batch_size, steps=steps, seed=settings.seed
            )
            checks = StoredRows(_longest_first(held_out), pad_token_id) if len(held_out) else None
            flow = KeepCheckpoints(
                directory,
                settings,
                evaluate_steps=_every(settings.evaluate_every or 1, steps_per_epoch) if checks else None,
                save_steps=_every(settings.save_every, steps_per_epoch) if settings.save_every else None,
                progress=progress,
            )
            arguments = _arguments(settings, directory, steps, steps_per_epoch, precision)
            trainer = TaskTrainer(model, teacher, settings, arguments, rows, checks, flow)
            resume = None if last is None else str(checkpoints.path_of(directory, last))
            try:
                trainer.train(resume_from_checkpoint=resume)
            except torch.OutOfMemoryError as error:
                raise InputError(
                    "Memory does not do for {} windows at once on {}; set a lower {}.",
                    *(arguments.per_device_train_batch_size, here.device, Parameter("micro_batch_size")),
                ) from error
            state = vars(trainer.state)
    outcome = outcome_of(state, steps_per_epoch)
    load_model(model, checkpoints.path_of(directory, outcome.best_step) / "model.safetensors")
    wait()  # nobody needs the directory any more
    return outcome


def _begin(directory: Path) -> int | None:
    """Make `directory` and rid it of unfinished checkpoints; the step to go on from, if any, on all ranks."""
    if ranks().is_main:
        directory.mkdir(parents=True, exist_ok=True)
        checkpoints.clean(directory)
    wait()
    return checkpoints.last_step(directory)


def _check(
    model: PreTrainedModel,
    teacher: PreTrainedModel | None,
    windows: Examples,
    settings: TrainingSettings,
) -> None:
    if not len(windows):
        raise InputError("There are no windows to train on; give at least one question.")
    encoder, shape = encoder_and_original(model)
    longest = int(windows.lengths.max())
    if longest > encoder.max_length:
        raise InputError(
            f"A window has {longest} tokens and the model reads at most {encoder.max_length}; make the windows "
            "shorter."
        )
    if settings.hidden_weight and teacher is not None:
        theirs, their_shape = encoder_and_original(teacher)
        ours = len(shape.layers), encoder.hidden_size
        if ours != (len(their_shape.layers), theirs.hidden_size):
            raise InputError(
                "The teacher has {} layers of hidden size {} and the model {} of {}: their hidden states do not match "
                "one to one; set {} to 0.",
                *(len(their_shape.layers), theirs.hidden_size, *ours, Parameter("hidden_weight")),
            )


def _arguments(
    settings: TrainingSettings, directory: Path, steps: int, steps_per_epoch: int, precision: str
) -> TrainingArguments:
    micro_batch_size, accumulation = settings.accumulation(ranks().count)
    arguments = TrainingArguments(
        output_dir=str(directory),
        num_train_epochs=1,  # TrainingRows are all epochs in one
        per_device_train_batch_size=micro_batch_size,
        per_device_eval_batch_size=micro_batch_size,
        gradient_accumulation_steps=accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="adamw_torch_fused",
        seed=settings.seed,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=uses_cpu(),
        logging_strategy="steps",
        logging_steps=_every(1 / _LOGS_PER_EPOCH, steps_per_epoch),
        logging_nan_inf_filter=False,
        # KeepCheckpoints says when, and what to remove: Trainer would remove before all is written.
        save_strategy="steps",
        save_steps=steps,
        save_total_limit=None,
        metric_for_best_model="loss",
        greater_is_better=False,
        report_to=[],
        disable_tqdm=True,
        log_level="error",
        log_level_replica="error",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available() and not uses_cpu(),
        ddp_find_unused_parameters=False,
    )
    visible: Any = arguments
    visible._n_gpu = min(arguments.n_gpu, 1)  # one process, one device: DataParallel would take more
    return arguments


def _every(epochs: float, steps_per_epoch: int) -> int:
    """Steps in that many epochs, one at least."""
    return max(1, round(epochs * steps_per_epoch))


def _longest_first(windows: Examples) -> Examples:
    """Like lengths together; memory fails early."""
    return windows.select((-windows.lengths).argsort(kind="stable"))
