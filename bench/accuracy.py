"""What the speed cost: how two models answer the same questions, each run by the engine that was timed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from bench.json_field import Field
from bench.measure.device_memory import OUT_OF_DEVICE_MEMORY, is_out_of_device_memory
from bench.models import Model
from bench.workload import ROLES, Role
from export.runtimes import runtime_of
from prune.tasks.batch import Batch, Outputs
from prune.tasks.question_answering import QUESTION_ANSWERING
from prune.tasks.question_answering.figures import F1, HAS_ANSWER_F1, Figure, figure_name, warnings
from prune.tasks.question_answering.fitted_on import shares_any
from prune.tasks.question_answering.reader import AnyTokenizer
from prune.tasks.question_answering.reading import Exam, ReadingName
from prune.tasks.question_answering.readings import reading_of
from prune.tasks.question_answering.settings import DECODING_FILE, DecodingSettings
from prune.tasks.question_answering.significance import Interval
from prune.tasks.question_answering.tokenizer_file import TOKENIZER_FILE, load_reader
from prune.tasks.question_answering.windows import BATCH_SIZE
from trellis.errors import InputError

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
    questions: int | None = None
    """So many it is a mean, or a ratio, over; None: all of them."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        change = self.change
        return {
            "name": self.name,
            "values": dict(self.values),
            "change": change and {"points": change.mean_difference, "low": change.low, "high": change.high},
            "questions": self.questions,
        }

    @classmethod
    def from_field(cls, field: Field) -> "Metric":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        values = field["values"].fields()
        return cls(
            field["name"].text(),
            {role: values[role].number() for role in ROLES if role in values},
            field["change"].or_none(_interval),
            field["questions"].or_none(lambda questions: questions.whole(least=0)),
        )


def _interval(field: Field) -> Interval:
    return Interval(field["points"].number(), field["low"].number(), field["high"].number())


Thresholds = Literal["own", "folds"]
"""What questions are refused by as served: the threshold that each model brings; or, where those are not of one kind or
were fitted on some of these questions, one that is fitted to each model alike, on other questions than it judges."""


@dataclass(frozen=True)
class Accuracy:
    """How one or both models of a comparison answer; what they score as served comes first."""

    task: str
    """Name of it, like squad."""
    questions: int
    metrics: list[Metric]
    without_settings: tuple[Role, ...]
    """Models with no decoding settings beside them: they were asked with the defaults."""
    thresholds: Thresholds = "own"
    warnings: tuple[str, ...] = ()
    """What voids the figures, or most of them."""

    @property
    def limited(self) -> list[Interval]:
        """Changes of the F1 as served, of NQ of either kind of answers: limits are held against them."""
        return self._served(F1)

    @property
    def has_answer_limited(self) -> list[Interval]:
        """The same over the questions that have an answer."""
        return self._served(HAS_ANSWER_F1)

    def _served(self, measure: str) -> list[Interval]:
        names = [figure_name(measure, kind, "as served") for kind in reading_of(self.task).kinds]
        return [metric.change for metric in self.metrics if metric.change and metric.name in names]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "task": self.task,
            "questions": self.questions,
            "metrics": [metric.to_dict() for metric in self.metrics],
            "without_settings": list(self.without_settings),
            "thresholds": self.thresholds,
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_field(cls, field: Field) -> "Accuracy":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        return cls(
            field["task"].text(),
            field["questions"].whole(least=1),
            [Metric.from_field(metric) for metric in field["metrics"].items()],
            tuple(role.one_of(ROLES) for role in field["without_settings"].items()),
            field["thresholds"].one_of(get_args(Thresholds)),
            tuple(field["warnings"].texts()),
        )


def read_exam(task: ReadingName, dev: Sequence[str]) -> Exam[Any]:
    """The questions in all of `dev`. Raises InputError where they cannot be read."""
    return reading_of(task).read_exam(dev)


def check_accuracy(model: Model) -> None:
    """Raise InputError where nothing can be measured: random weights, no usable tokenizer or settings, or an engine
    that does not serve the sizes that questions come in, or a model of another task."""
    QUESTION_ANSWERING.check_same(model.engine.encoder.task, model.name)
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


def ask(model: Model, exam: Exam[Any], progress: Callable[[int, int], None] | None = None) -> Any:
    """What `model` answers, run in this process: do it when nothing is being timed.

    Raises InputError as `check_accuracy` does, and where the runtime fails.
    """
    from export.runtimes.batches import batch_runner

    tokenizer, (settings, _) = tokenizer_of(model), settings_of(model)
    runtime = runtime_of(model.engine.runtime)
    run = batch_runner(runtime.load(model.engine), model.engine.encoder)

    def run_batch(batch: Batch) -> Outputs:
        try:
            return run(batch)
        except (InputError, MemoryError):
            raise
        except Exception as error:  # the runtimes' own classes share no public base
            rows, length = batch.input_ids.shape
            why = OUT_OF_DEVICE_MEMORY if is_out_of_device_memory(str(error)) else runtime.told(error)
            raise InputError(f"{model.name} fails on {rows} windows of {length} tokens: {why}") from error

    return exam.ask(run_batch, tokenizer, settings, progress)  # type: ignore[arg-type]


def score(
    task: ReadingName, exam: Exam[Any], models: dict[Role, Model], answers: dict[Role, Any]
) -> Accuracy:
    """Figures of the models in `answers`, one or both: as served, at their best thresholds, and with none refused."""
    roles: list[Role] = [role for role in ROLES if role in answers]
    settings = {role: settings_of(models[role]) for role in roles}
    brought = {role: found.null_threshold for role, (found, _) in settings.items()}
    first, last = roles[0], roles[-1]
    habit = exam.habit(answers[first], brought[first])
    own = (brought[first], brought[last])
    alike = _stand_as_they_are(
        [found.fitted_on for found, _ in settings.values()], exam.questions_of(answers[first])
    )
    compared = exam.compare(answers[first], answers[last], habit, own if alike else None)

    def metric(figure: Figure, name: str, *, paired: bool) -> Metric:
        values = {first: figure.before, last: figure.after}  # of one model both are the same
        return Metric(name, values, figure.change if paired else None, figure.questions)

    metrics = [metric(figure, figure.name, paired=len(roles) > 1) for figure in compared.figures]
    floor = Metric("F1 of refusing every question", dict.fromkeys(roles, compared.floor.f1))
    place = next(index for index, each in enumerate(compared.figures) if each.way != "as served")
    metrics.insert(place, floor)
    if not alike:
        by_own = exam.compare(answers[first], answers[last], habit, own)
        metrics += [
            metric(figure, figure.name.replace("as served", "by its own decoding.json"), paired=False)
            for figure in by_own.figures
            if figure.way == "as served"
        ]
    names = [models[role].name for role in (first, last)]
    return Accuracy(
        task,
        max(figure.questions for figure in compared.figures),
        metrics,
        tuple(role for role, (_, found) in settings.items() if not found),
        "own" if alike else "folds",
        tuple(dict.fromkeys(warnings(compared, *names))),
    )


def _stand_as_they_are(fitted_on: Sequence[str | None], questions: Iterable[str]) -> bool:
    """Whether all thresholds were fitted on none of these `questions`, or none was fitted."""
    fitted = [sample for sample in fitted_on if sample is not None]
    if len(fitted) < len(fitted_on):
        return not fitted
    return not shares_any(" ".join(fitted), questions)


def tokenizer_of(model: Model) -> AnyTokenizer:
    """The tokenizer beside the model. Raises InputError where there is no usable one."""
    folder, encoder = _folder(model), model.engine.encoder
    if (folder / TOKENIZER_FILE).is_file() or not find_spec("transformers"):
        return load_reader(folder, encoder)
    from prune.checkpoint import load_tokenizer

    return load_tokenizer(folder, encoder)


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
