"""What the command was asked to do, checked before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path

from export.outputs import parts_of
from export.target import CpuRuntime
from prune.tasks.question_answering.settings import ALWAYS_ANSWER
from trellis.bounds import MOST, MOST_LOGIT, MOST_THREADS, check_number, check_whole
from trellis.errors import InputError
from trellis.files.places import Written, check_files

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
        asked = {_QUESTION: self.questions, _SQUAD: self.squad, _LINES: self.jsonl}
        ways = [way for way, value in asked.items() if value]
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
        given = (("--out", self.out), ("--na-probs", self.na_probs))
        files = [Written(path, option) for option, path in given if path]
        check_files(files, parts_of(self.model) + ([self.squad] if self.squad else []))

    @property
    def threshold(self) -> float | None:
        """The null threshold to use; None is the model's own."""
        return ALWAYS_ANSWER if self.never_refuse else self.null_threshold
