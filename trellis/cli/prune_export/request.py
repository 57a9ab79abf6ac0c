"""What the user asked prune-export for, checked for contradictions before any work is done."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from export.outputs import COMPANIONS, check_folder, parts_of
from export.target import GraphPrecision, Target, dialect_of
from prune.methods import Method
from prune.methods.gate_settings import GateSettings
from prune.tasks.question_answering.task import TaskName
from prune.train.settings import TrainingSettings
from trellis.bounds import MOST_EPOCHS, MOST_SEED, MOST_WEIGHT, check_number, check_whole
from trellis.cli.prune_export.flags import called_by_flag
from trellis.errors import InputError
from trellis.files.places import Written, check_files, check_places, data_files
from trellis.files.replace import check_writable

_SHORTEST = 16
"""Tokens of a window: with fewer, special tokens and a few of the question leave the context next to none."""


@dataclass(frozen=True)
class Request:
    """One run of prune-export. Raises InputError where two wishes contradict each other."""

    model: str
    out: Path
    revision: str | None = None
    task: TaskName = "squad"
    prune_heads: float | None = None
    prune_ffn: float | None = None
    lambda_heads: float | None = None
    lambda_ffn: float | None = None
    lambda_absolute: bool = False
    shape: Path | None = None
    plan: Path | None = None
    no_prune: bool = False
    min_agreement: float = 90.0
    method: Method = "gain"
    multiple_of: int | None = None
    joint: bool = False
    gate_share: float = 1.0
    gates: GateSettings = field(default_factory=GateSettings)
    train: str | None = None
    train_questions: int = 1000
    train_length: int | None = None
    null_share: float = 0.02
    dev: tuple[str, ...] = ()
    calibration: str | None = None
    retrain: float | None = None
    distill: float | None = None
    teacher: str | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)
    seed: int = 0
    target: Target = "onnxruntime"
    precision: GraphPrecision = "fp32"
    int8_windows: int = 256
    max_f1_loss: float | None = None
    max_has_answer_f1_loss: float | None = None
    engine: Path | None = None
    profiles: str | None = None
    timing_cache: Path | None = None
    save_model: Path | None = None
    work: Path | None = None
    json_file: Path | None = None
    html_file: Path | None = None

    def __post_init__(self) -> None:
        self._check_amount()
        self._check_method()
        self._check_data()
        self._check_training()
        self._check_precision()
        if self.multiple_of is not None:
            check_whole("--multiple-of", self.multiple_of, 1)
        check_whole("--seed", self.seed, 0, MOST_SEED)

    def _check_amount(self) -> None:
        fractions = {"--prune-heads": self.prune_heads, "--prune-ffn": self.prune_ffn}
        for flag, fraction in fractions.items():
            if fraction is not None and not 0 <= fraction < 1:
                raise InputError(
                    f"{flag} is {fraction:g}; expected a fraction of at least 0 and below 1, such as 50% or 0.5."
                )
        weights = {"--lambda-heads": self.lambda_heads, "--lambda-ffn": self.lambda_ffn}
        for flag, weight in weights.items():
            if weight is not None:
                check_number(flag, weight, 0, MOST_WEIGHT)
        amounts = fractions | weights | {"--shape": self.shape, "--plan": self.plan}
        given = [flag for flag, value in amounts.items() if value is not None]
        for first, second in (("--prune-heads", "--lambda-heads"), ("--prune-ffn", "--lambda-ffn")):
            if first in given and second in given:
                raise InputError(f"{first} and {second} both say how much to remove; give one of them.")
        for flag in ("--shape", "--plan"):
            others = [other for other in given if other != flag]
            if flag in given and others:
                raise InputError(f"{flag} and {others[0]} both say how much to remove; give one of them.")
        if self.no_prune and given:
            raise InputError(f"--no-prune and {given[-1]} contradict each other; give one of them.")
        if 0 < self.min_agreement <= 1:
            raise InputError(
                f"--min-agreement is {self.min_agreement:g}, less than any cut comes to; it is in percent: give "
                f"{100 * self.min_agreement:g}."
            )
        if not 0 <= self.min_agreement <= 100:
            raise InputError(
                f"--min-agreement is {self.min_agreement:g}; expected a percentage from 0 to 100."
            )

    def _check_precision(self) -> None:
        dialect_of(self.target, self.precision)
        check_whole("--int8-windows", self.int8_windows, 1)
        if self.engine and self.target != "tensorrt":
            raise InputError(
                f"--engine builds with TensorRT, which does not read what --target {self.target} writes; add "
                "--target tensorrt."
            )
        for flag, given in (("--profiles", self.profiles), ("--timing-cache", self.timing_cache)):
            if given and not self.engine:
                raise InputError(f"{flag} is about an engine; name the one to build: --engine FILE.")
        for flag, limit in self.loss_limits.items():
            if not 0 <= limit <= 100:
                raise InputError(f"{flag} is {limit:g}; expected points of F1, 0 to 100.")
            if self.precision != "int8" or not self.dev:
                missing = ["--precision int8"] * (self.precision != "int8") + ["--dev FILE"] * (not self.dev)
                raise InputError(
                    f"{flag} says how much int8 may cost on the questions of --dev; add {' and '.join(missing)}."
                )

    def _check_method(self) -> None:
        weighted = self.lambda_heads is not None or self.lambda_ffn is not None
        if weighted and self.method != "l0":
            raise InputError(
                f"--lambda-heads and --lambda-ffn weigh gates of --method l0, not {self.method}; add --method l0."
            )
        if self.lambda_absolute and not weighted:
            raise InputError(
                "--lambda-absolute says how to read --lambda-heads and --lambda-ffn; give one of them."
            )
        if self.method == "l0" and not (self.train or self.no_prune or self.plan):
            raise InputError("--method l0 trains gates on annotated questions; name them with --train.")
        if not 0 < self.gate_share <= 1:
            raise InputError(f"--gate-share is {self.gate_share:g}; expected a fraction above 0, at most 1.")
        for flag, is_given in (("--gate-share", self.gate_share != 1), ("--joint", self.joint)):
            if is_given and self.method != "l0":
                raise InputError(f"{flag} is about gates, which {self.method} has none of; add --method l0.")

    def _check_data(self) -> None:
        check_whole("--train-questions", self.train_questions, 0)
        if self.train_length is not None:
            check_whole("--train-length", self.train_length, _SHORTEST)
        if not 0 <= self.null_share <= 1:
            raise InputError(f"--null-share is {self.null_share:g}; expected a fraction from 0 to 1.")
        if self.no_prune and self.calibration:
            raise InputError("--no-prune and --calibration contradict each other; give one of them.")
        if self.calibration and self.amount_given:
            raise InputError(
                "--calibration guides the search for how much to remove, and you said how much; "
                "to score by questions of your own, give them with --train."
            )

    def _check_training(self) -> None:
        for flag, epochs in (("--retrain", self.retrain), ("--distill", self.distill)):
            if epochs is not None:
                check_number(flag, epochs, 0, MOST_EPOCHS, above=True)
        if self.retrain is not None and self.distill is not None:
            raise InputError("--retrain and --distill are two ways to go on training; give one of them.")
        flag = "--retrain" if self.retrain is not None else "--distill"
        if self.trains and not self.train:
            raise InputError(f"{flag} trains on questions; name them with --train.")
        if self.teacher and self.distill is None:
            raise InputError("--teacher is whom --distill learns from; say for how many epochs: --distill 1.")
        weights = {"--task-weight": self.training.task_weight, "--hidden-weight": self.training.hidden_weight}
        for flag, weight in weights.items():
            if weight and self.distill is None:
                raise InputError(
                    f"{flag} is a part of the loss of --distill; say for how many epochs: --distill 1."
                )
        if self.trains:
            with called_by_flag():
                self.training.accumulation(num_ranks=1)
        if self.distill is not None and self.no_prune and not self.teacher:
            raise InputError(
                "An uncut model has nothing to learn from itself; name another --teacher, or use --retrain."
            )

    @property
    def trains(self) -> bool:
        """Whether the model goes on training after the cut."""
        return self.retrain is not None or self.distill is not None

    @property
    def amount_given(self) -> bool:
        """Whether the user says how much to remove; otherwise the model's own answers decide."""
        amounts = (
            self.shape,
            self.plan,
            self.prune_heads,
            self.prune_ffn,
            self.lambda_heads,
            self.lambda_ffn,
        )
        return any(amount is not None for amount in amounts)

    @property
    def loss_limits(self) -> dict[str, float]:
        """Points of F1 as served that int8 may cost, by the flag that says so."""
        limits = {
            "--max-f1-loss": self.max_f1_loss,
            "--max-has-answer-f1-loss": self.max_has_answer_f1_loss,
        }
        return {flag: limit for flag, limit in limits.items() if limit is not None}

    @property
    def is_demo(self) -> bool:
        """Whether the word `demo` is meant; an existing directory of that name wins."""
        return self.model == "demo" and not Path(self.model).is_dir()

    @property
    def keeps_work(self) -> bool:
        """Whether there are stages long enough to be worth keeping."""
        return self.is_demo or self.trains or self.method == "l0" or self.work is not None

    @property
    def work_directory(self) -> Path:
        """Where finished stages are kept."""
        return self.work or self.out.with_name(f"{self.out.name}.work")

    def check_paths(self) -> None:
        """Raise InputError where an output cannot be put where it is to go; touches nothing."""
        out = self.out
        if out.is_dir():
            raise InputError(
                f"{out} is a directory; name the ONNX file to write, such as {out / 'model.onnx'}."
            )
        if out.suffix != ".onnx":
            raise InputError(f"The output {out} must end in .onnx.")
        check_writable(out)
        check_folder(out)
        if self.save_model:
            check_writable(self.save_model)
            if self.save_model.exists():
                raise InputError(f"--save-model {self.save_model} exists already; name a new directory.")
        check_files(self._files, ())
        self.check_apart(self._read())
        if self.keeps_work and self.work_directory.exists() and not self.work_directory.is_dir():
            raise InputError(f"--work {self.work_directory} is a file; name a directory.")

    def check_apart(self, read: Iterable[Path]) -> None:
        """Raise InputError where what is written would take the place of what is read, or lie among the stages."""
        work = self.work_directory if self.keeps_work else None
        check_places(self._written, read, work)

    @property
    def _written(self) -> list[Written]:
        saved = [Written(self.save_model, "--save-model")] if self.save_model else []
        return [*self._files, *saved]

    @property
    def _files(self) -> list[Written]:
        """All files that are written, in the order in which they claim their places."""
        from export.runtimes.tensorrt.description import description_path  # loads onnx

        files = [Written(path, "") for path in (self.out, *map(self.out.with_name, COMPANIONS))]
        if self.engine:
            files += [Written(path, "--engine") for path in (self.engine, description_path(self.engine))]
        named = (
            ("--timing-cache", self.timing_cache),
            ("--json", self.json_file),
            ("--html", self.html_file),
        )
        return files + [Written(path, option) for option, path in named if path]

    def _read(self) -> list[Path]:
        """All files that the run reads, as far as they can be known before it begins."""
        models = [self.model, self.teacher]
        if self.is_demo:
            from prune.demo import installed_encoder

            encoder = installed_encoder()  # where there is none, that is told when it is needed
            models = [str(encoder)] if encoder else []
        data = [self.train, *self.dev, self.calibration, self.shape, self.plan]
        return [
            *(part for model in models if model for part in parts_of(model)),
            *(file for source in data if source for file in data_files(source)),
        ]
