"""What the command alone is asked: which questions, and what is printed where."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from export.outputs import parts_of
from trellis.bounds import MOST, check_whole
from trellis.errors import InputError, Parameter
from trellis.files.places import Written, check_files
from trellis.options import File, Unset, Value

STANDARD_INPUT = "-"
_QUESTION, _SQUAD, _LINES = "a QUESTION", "--squad", "--jsonl"


@dataclass(frozen=True)
class Arguments:
    """Arguments."""

    model: Annotated[Path, Value("MODEL")]
    """The .onnx file that prune-export wrote, or its folder."""
    questions: Annotated[tuple[str, ...], Value("QUESTION")] = ()
    """What is asked about the context."""


@dataclass(frozen=True)
class Source:
    """What is asked."""

    context: Annotated[str | None, Value("FILE"), Unset("standard input")] = None
    """Take the text that holds the answers from this file, in UTF-8; - is standard input."""
    squad: File | None = None
    """Ask the questions of this SQuAD JSON; its answers need not be there. Predictions come as {id: text}."""
    jsonl: Annotated[str | None, Value("FILE")] = None
    """Ask what stands in the lines {"question", "context"[, "id"]} of this file; - is standard input. One line of JSON
    comes for each."""


@dataclass(frozen=True)
class Printed:
    """What is printed."""

    top_k: Annotated[int, Value("K")] = 1
    """Print so many spans, best first, each behind its probability; with JSON, as spans."""
    as_json: bool = False
    """Print a line of JSON for each QUESTION."""
    out: Annotated[Path | None, Value("FILE"), Unset("standard output")] = None
    """Write the predictions of `squad` to this file."""
    na_probs: File | None = None
    """Write {id: score of "no answer" less the best span's} to this file, with `squad`."""

    def __post_init__(self) -> None:
        check_whole(Parameter("top_k"), self.top_k, 1, MOST)


def check_together(arguments: Arguments, asked: Source, printed: Printed) -> None:
    """Raise InputError where not one thing is asked, what is printed does not go with it, or a place is taken."""
    ways = {_QUESTION: arguments.questions, _SQUAD: asked.squad, _LINES: asked.jsonl}
    given = [way for way, value in ways.items() if value]
    if len(given) != 1:
        raise InputError(
            f"{' and '.join(given) or 'Nothing'} was asked; give one of: a QUESTION (or several), "
            "--squad FILE, --jsonl FILE."
        )
    for name, value, way in (
        ("--context", asked.context, _QUESTION),
        ("--json", printed.as_json, _QUESTION),
        ("--out", printed.out, _SQUAD),
        ("--na-probs", printed.na_probs, _SQUAD),
    ):
        if value and way != given[0]:
            raise InputError(f"{name} goes with {way}, and {given[0]} was given; leave it out.")
    if asked.squad and printed.top_k != 1:
        raise InputError(
            "The official form has room for one answer a question; leave out --top-k, or give --jsonl."
        )
    places = (("--out", printed.out), ("--na-probs", printed.na_probs))
    files = [Written(path, option) for option, path in places if path]
    check_files(files, parts_of(arguments.model) + ([asked.squad] if asked.squad else []))
