"""What the speed cost: how two models answer the same questions, each run by the engine that was timed."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.device_memory import OUT_OF_DEVICE_MEMORY, is_out_of_device_memory
from bench.models import Model
from bench.runners import Logits, runner
from bench.spec import Role
from prune.errors import InputError, first_line
from prune.qa.reader import AnyTokenizer
from prune.qa.settings import DECODING_FILE, DecodingSettings
from prune.qa.significance import Interval
from prune.qa.task import Exam, TaskName
from prune.qa.windows import BATCH_SIZE, Batch

_SHORT = 32
"""Tokens of a window as short as they come: a question and a sentence."""


@dataclass(frozen=True)
class Metric:
    """One figure of both models, in percent, and what lies between them."""

    name: str
    values: dict[Role, float]
    """Of the models that have one: random weights have none."""
    change: Interval | None = None
    """Candidate less baseline, in points, with its paired 95 % interval; None where there is none."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        change = self.change
        return {
            "name": self.name,
            "values": dict(self.values),
            "change": change and {"points": change.mean_difference, "low": change.low, "high": change.high},
        }


@dataclass(frozen=True)
class Accuracy:
    """How one or both models of a comparison answer."""

    task: TaskName
    questions: int
    metrics: list[Metric]
    without_settings: tuple[Role, ...]
    """Models with no decoding settings beside them: they were asked with the defaults."""

    @property
    def limited(self) -> list[Interval]:
        """Changes of the F1 that limits are held against: over all questions; of NQ, of either kind of answers."""
        names = _LIMITED[self.task]
        return [metric.change for metric in self.metrics if metric.change and metric.name in names]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "task": self.task,
            "questions": self.questions,
            "metrics": [metric.to_dict() for metric in self.metrics],
            "without_settings": list(self.without_settings),
        }


_LIMITED: dict[TaskName, tuple[str, ...]] = {
    "squad": ("F1",),
    "nq": ("F1, long answers", "F1, short answers"),
}


def read_exam(task: TaskName, dev: str) -> Exam[Any, Any]:
    """The questions in `dev`. Raises InputError where they cannot be read."""
    if task == "nq":
        from prune.qa.nq.task import NqExam

        return NqExam(dev)
    from prune.qa.squad import read_squad
    from prune.qa.squad_task import SquadExam

    return SquadExam(read_squad(dev, split="validation"))


def check_accuracy(model: Model) -> None:
    """Raise InputError where nothing can be measured: random weights, no usable tokenizer or settings, or an engine
    that does not serve the sizes that questions come in."""
    tokenizer_of(model)
    settings, _ = settings_of(model)
    profiles = model.form.profiles if model.form else ()
    sizes = [
        (batch, length) for batch in range(1, BATCH_SIZE + 1) for length in (_SHORT, settings.max_length)
    ]
    if profiles and not all(any(profile.holds(size) for profile in profiles) for size in sizes):
        raise InputError(
            f"{model.name} serves {', '.join(map(str, profiles))} (batch x length), and --dev asks for 1 to "
            f"{BATCH_SIZE} windows of up to {settings.max_length} tokens at once; build it with --profiles "
            f"1..{BATCH_SIZE}x1..{settings.max_length}, or leave --dev out."
        )


def ask(model: Model, exam: Exam[Any, Any], progress: Callable[[int, int], None] | None = None) -> Any:
    """What `model` answers, run in this process: do it when nothing is being timed.

    Raises InputError as `check_accuracy` does, and where the runtime fails.
    """
    from export.ports import graph_inputs

    tokenizer, (settings, _) = tokenizer_of(model), settings_of(model)
    run = runner(model.engine.runtime).load(model.engine)
    takes_token_types = model.engine.encoder.takes_token_types

    def run_batch(batch: Batch) -> Logits:
        try:
            return run(graph_inputs(batch, takes_token_types))
        except InputError:
            raise
        except Exception as error:  # the runtimes' own classes share no public base
            rows, length = batch.input_ids.shape
            why = OUT_OF_DEVICE_MEMORY if is_out_of_device_memory(str(error)) else first_line(error)
            raise InputError(f"{model.name} fails on {rows} windows of {length} tokens: {why}") from error

    return exam.ask(run_batch, tokenizer, settings, progress)  # type: ignore[arg-type]


def score(
    task: TaskName, exam: Exam[Any, Any], models: dict[Role, Model], answers: dict[Role, Any]
) -> Accuracy:
    """Figures of the models in `answers`, one or both: each at its best thresholds, or as it is served."""
    candidate = answers["candidate"]
    compared = exam.compare(answers.get("baseline", candidate), candidate)
    sides: dict[Role, Any] = {"baseline": compared.before, "candidate": compared.after}
    sides = {role: sides[role] for role in sides if role in answers}
    paired = len(sides) > 1

    def metric(name: str, value: Callable[[Any], float | None], change: Interval | None = None) -> Metric:
        values = {role: value(side) for role, side in sides.items()}
        known = {role: value for role, value in values.items() if value is not None}
        return Metric(name, known, change if paired else None)

    if task == "nq":
        metrics = [
            metric("F1, long answers", lambda side: side.long.score.f1, compared.long_f1_change),
            metric("F1, short answers", lambda side: side.short.score.f1, compared.short_f1_change),
        ]
        total = compared.after.total
    else:
        metrics = [
            metric("F1", lambda side: side.score.f1, compared.f1_change),
            metric("F1, has answer", lambda side: side.has_answer_f1, compared.has_answer_f1_change),
            metric("EM", lambda side: side.score.exact),
            _as_served(exam, models, answers),
        ]
        total = compared.after.score.total
    without = tuple(role for role in sides if not settings_of(models[role])[1])
    return Accuracy(task, total, metrics, without)


def _as_served(exam: Any, models: dict[Role, Model], answers: dict[Role, Any]) -> Metric:
    from prune.qa.answer import score_predictions

    values: dict[Role, float] = {
        role: score_predictions(
            exam.questions, found, null_threshold=settings_of(models[role])[0].null_threshold
        ).f1
        for role, found in answers.items()
    }
    return Metric("F1 as served", values)


def tokenizer_of(model: Model) -> AnyTokenizer:
    """The tokenizer beside the model. Raises InputError where there is no usable one."""
    folder, encoder = _folder(model), model.engine.encoder
    if find_spec("transformers"):
        from prune.checkpoint import check_vocabulary, load_tokenizer

        tokenizer = load_tokenizer(folder)
        check_vocabulary(tokenizer, encoder, model.name)
        return tokenizer
    from answer.tokenizer import load_reader

    return load_reader(folder, encoder)


def settings_of(model: Model) -> tuple[DecodingSettings, bool]:
    """The model's decoding settings, and whether these lay beside it; raises InputError where they are damaged."""
    path = _folder(model) / DECODING_FILE
    found = path.is_file()
    settings = DecodingSettings.read(path) if found else DecodingSettings()
    return settings.clipped(model.engine.encoder.max_length), found


def _folder(model: Model) -> Path:
    if model.folder is None:
        raise InputError(f"{model.name} has random weights, so it has no accuracy to measure.")
    return model.folder
