"""What the user asked prune-export for, checked for contradictions before any work is done."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from export.options import Output
from export.outputs import COMPANIONS, check_folder, parts_of
from prune.contradictions import check_together
from prune.methods import DEFAULT, METHODS
from prune.methods.method import Method
from prune.options import Amount, Data, Training
from prune.train.settings import TrainingSettings
from trellis.cli.prune_export.options import Files
from trellis.errors import InputError
from trellis.files.places import Written, check_files, check_places, data_files
from trellis.files.replace import check_writable


@dataclass(frozen=True)
class Request:
    """One run of prune-export. Raises InputError where two wishes contradict each other."""

    model: str
    out: Path
    revision: str | None = None
    method: Method = field(default_factory=METHODS[DEFAULT])
    seed: int = 0
    amount: Amount = field(default_factory=Amount)
    data: Data = field(default_factory=Data)
    training: Training = field(default_factory=Training)
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    output: Output = field(default_factory=Output)
    files: Files = field(default_factory=Files)

    def __post_init__(self) -> None:
        check_together(self.amount, self.method, self.data, self.training, self.settings)
        self.output.check_with(bool(self.data.dev))

    @property
    def is_demo(self) -> bool:
        """Whether the word `demo` is meant; an existing directory of that name wins."""
        return self.model == "demo" and not Path(self.model).is_dir()

    @property
    def keeps_work(self) -> bool:
        """Whether there are stages long enough to be worth keeping."""
        return self.is_demo or self.training.is_wanted or self.method.trains or self.files.work is not None

    @property
    def work_directory(self) -> Path:
        """Where finished stages are kept."""
        return self.files.work or self.out.with_name(f"{self.out.name}.work")

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
        saved = self.files.save_model
        if saved:
            check_writable(saved)
            if saved.exists():
                raise InputError(f"--save-model {saved} exists already; name a new directory.")
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
        saved = self.files.save_model
        return [*self._files, *([Written(saved, "--save-model")] if saved else [])]

    @property
    def _files(self) -> list[Written]:
        """All files that are written, in the order in which they claim their places."""
        from export.runtimes.tensorrt.description import description_path  # loads onnx

        files = [Written(path, "") for path in (self.out, *map(self.out.with_name, COMPANIONS))]
        if engine := self.output.engine:
            files += [Written(path, "--engine") for path in (engine, description_path(engine))]
        named = (
            ("--timing-cache", self.output.timing_cache),
            ("--json", self.files.json_file),
            ("--html", self.files.html_file),
        )
        return files + [Written(path, option) for option, path in named if path]

    def _read(self) -> list[Path]:
        """All files that the run reads, as far as they can be known before it begins."""
        models = [self.model, self.training.teacher]
        if self.is_demo:
            from prune.demo import installed_encoder

            encoder = installed_encoder()  # where there is none, that is told when it is needed
            models = [str(encoder)] if encoder else []
        data = [self.data.train, *self.data.dev, self.data.calibration, self.amount.shape, self.amount.plan]
        return [
            *(part for model in models if model for part in parts_of(model)),
            *(file for source in data if source for file in data_files(source)),
        ]
