"""What the command was asked to do, checked before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path

from export.outputs import parts_of
from export.target import CpuRuntime
from prune.bounds import MOST, MOST_LOGIT, MOST_THREADS, check_number, check_whole
from prune.errors import InputError
from prune.qa.settings import ALWAYS_ANSWER
from prune.staging import check_file, check_no_input

STANDARD_INPUT = "-"
_QUESTION, _SQUAD, _LINES = "a QUESTION", "--squad", "--jsonl"


@dataclass(frozen=True)
class Request:
    """The command's arguments. Raises InputError where one is out of range or does not go with another."""

    model: Path
    questions: tuple[str, ...]
    """About `context`."""
    context: str | None
    """A file, or STANDARD_INPUT, which it is too where this is None."""
    squad: Path | None
    jsonl: str | None
    """A file, or STANDARD_INPUT."""
    null_threshold: float | None
    """None: the model's own."""
    never_refuse: bool
    top_k: int
    as_json: bool
    out: Path | None
    na_probs: Path | None
    runtime: CpuRuntime | None
    """None: what the file was written for."""
    threads: int | None
    """None: all physical cores."""
    max_batch_tokens: int

    def __post_init__(self) -> None:
        given = {_QUESTION: self.questions, _SQUAD: self.squad, _LINES: self.jsonl}
        ways = [way for way, value in given.items() if value]
        if len(ways) != 1:
            raise InputError(
                f"{' and '.join(ways) or 'Nothing'} was asked; give one of: a QUESTION (or several), "
                "--squad FILE, --jsonl FILE."
            )
        for name, value, way in (
            ("--context", self.context, _QUESTION),
            ("--json", self.as_json, _QUESTION),
            ("--out", self.out, _SQUAD),
            ("--na-probs", self.na_probs, _SQUAD),
        ):
            if value and way != ways[0]:
                raise InputError(f"{name} goes with {way}, and {ways[0]} was given; leave it out.")
        if self.squad and self.top_k != 1:
            raise InputError(
                "The official form has room for one answer a question; leave out --top-k, or give --jsonl."
            )
        if self.never_refuse and self.null_threshold is not None:
            raise InputError("--never-refuse and --null-threshold contradict each other; give one of them.")
        if self.null_threshold is not None:
            check_number("--null-threshold", self.null_threshold, -MOST_LOGIT, MOST_LOGIT)
        for name, number, most in (
            ("--top-k", self.top_k, MOST),
            ("--threads", self.threads, MOST_THREADS),
            ("--max-batch-tokens", self.max_batch_tokens, MOST),
        ):
            if number is not None:
                check_whole(name, number, 1, most)
        inputs = parts_of(self.model) + ([self.squad] if self.squad else [])
        for option, path in (("--out", self.out), ("--na-probs", self.na_probs)):
            if path:
                check_file(path, option)
                check_no_input(path, option, inputs)
        if self.out and self.na_probs and self.out.resolve() == self.na_probs.resolve():
            raise InputError(
                f"--out and --na-probs would both be written to {self.out}; give one another file."
            )

    @property
    def threshold(self) -> float | None:
        """The null threshold to use; None is the model's own."""
        return ALWAYS_ANSWER if self.never_refuse else self.null_threshold
