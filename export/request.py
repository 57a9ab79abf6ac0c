"""What the user asked prune-export for, checked for contradictions before any work is done."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prune.choose import Method
from prune.errors import InputError
from prune.staging import check_writable

Target = Literal["onnxruntime", "portable"]

_OURS = ("config.json", "tokenizer.json", "tokenizer_config.json", "decoding.json")
"""What is written beside the ONNX file, so that its folder is enough to answer questions."""

_MODEL_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


@dataclass(frozen=True)
class Request:
    """One run of prune-export. Raises InputError where two wishes contradict each other."""

    model: str
    out: Path
    revision: str | None = None
    prune_heads: float | None = None
    prune_ffn: float | None = None
    shape: Path | None = None
    no_prune: bool = False
    min_agreement: float = 90.0
    method: Method = "gain"
    multiple_of: int | None = None
    train: str | None = None
    train_questions: int = 1000
    dev: str | None = None
    calibration: str | None = None
    seed: int = 0
    target: Target = "onnxruntime"
    save_model: Path | None = None
    work: Path | None = None
    json_file: Path | None = None

    def __post_init__(self) -> None:
        fractions = {"--prune-heads": self.prune_heads, "--prune-ffn": self.prune_ffn}
        for flag, fraction in fractions.items():
            if fraction is not None and not 0 <= fraction < 1:
                raise InputError(f"{flag} is {fraction:g}; expected a fraction of at least 0 and below 1.")
        given = [flag for flag, fraction in fractions.items() if fraction is not None]
        if self.shape and given:
            raise InputError(f"--shape and {given[0]} both say how much to remove; give one of them.")
        if self.no_prune and (self.shape or given):
            flag = "--shape" if self.shape else given[0]
            raise InputError(f"--no-prune and {flag} contradict each other; give one of them.")
        if self.multiple_of is not None and self.multiple_of < 1:
            raise InputError(f"--multiple-of is {self.multiple_of}; expected a whole number of at least 1.")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}; expected a whole number of at least 0.")
        if self.no_prune and self.calibration:
            raise InputError("--no-prune and --calibration contradict each other; give one of them.")
        if self.train_questions < 0:
            raise InputError(f"--train-questions is {self.train_questions}; expected 0 (all) or more.")
        if self.calibration and self.amount_given:
            raise InputError(
                "--calibration guides the search for how much to remove, and you said how much; "
                "to score by questions of your own, give them with --train."
            )

    @property
    def amount_given(self) -> bool:
        """Whether the user says how much to remove; otherwise the model's own answers decide."""
        return self.shape is not None or self.prune_heads is not None or self.prune_ffn is not None

    @property
    def is_demo(self) -> bool:
        """Whether the word `demo` is meant; an existing directory of that name wins."""
        return self.model == "demo" and not Path(self.model).is_dir()

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
        _check_folder(out)
        for extra in (self.save_model, self.json_file):
            if extra:
                check_writable(extra)
        if self.save_model and self.save_model.exists():
            raise InputError(f"--save-model {self.save_model} exists already; name a new directory.")
        if self.json_file and self.json_file.is_dir():
            raise InputError(f"--json {self.json_file} is a directory; name a file.")
        if self.json_file and (self.json_file == out or self.json_file.name in _OURS):
            raise InputError(
                f"--json {self.json_file} is a file that the export writes itself; name another."
            )
        if self.is_demo and self.work_directory.exists() and not self.work_directory.is_dir():
            raise InputError(f"--work {self.work_directory} is a file; name a directory.")


def _check_folder(out: Path) -> None:
    """Raise InputError where what goes beside `out` would take the place of somebody else's files."""
    folder = out.parent
    for name in _MODEL_WEIGHTS:
        if (folder / name).exists():
            raise InputError(
                f"{folder} holds a model ({name}) whose config.json would be overwritten; "
                "write the ONNX file into another directory."
            )
    others = sorted(file.name for file in folder.glob("*.onnx") if file.name != out.name)
    taken = [name for name in _OURS if (folder / name).exists()]
    if taken and (others or not out.exists()):
        owner = others[0] if others else "something else"
        raise InputError(
            f"{folder} holds the {taken[0]} of {owner}, which would be overwritten; "
            "write the ONNX file into a directory of its own."
        )
