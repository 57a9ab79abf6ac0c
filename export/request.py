"""What the user asked prune-export for, checked for contradictions before any work is done."""

from dataclasses import dataclass
from pathlib import Path

from prune.choose import Method
from prune.errors import InputError


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
    target: str = "onnxruntime"
    save_model: Path | None = None
    work: Path | None = None

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
    def work_directory(self) -> Path:
        """Where finished stages are kept."""
        return self.work or self.out.with_name(f"{self.out.name}.work")
