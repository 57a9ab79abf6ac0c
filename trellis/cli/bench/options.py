"""What the command alone is asked: which models, and where the result goes beside the table."""

from dataclasses import dataclass
from typing import Annotated

from trellis.options import Value

Place = Annotated[str | None, Value("FILE")]
"""A file, or - for standard output."""


@dataclass(frozen=True)
class Candidates:
    """Arguments."""

    models: Annotated[tuple[str, ...], Value("MODEL")] = ()
    """.onnx files that prune-export wrote, their folders, or model directories."""


@dataclass(frozen=True)
class Against:
    """What they are compared with."""

    baseline: Annotated[str | None, Value("MODEL")] = None
    """Compare with this model, not with the unpruned twin."""


@dataclass(frozen=True)
class Forms:
    """Where the result goes, beside the table."""

    json: Place = None
    """Write everything as JSON to this file; - is standard output."""
    markdown: Place = None
    """Write tables for a pull request's comment; - is standard output."""
    csv: Place = None
    """Write a row for each operating point and model; - is standard output."""
    html: Place = None
    """Write a page with charts, in one file; - is standard output."""


@dataclass(frozen=True)
class Instead:
    """Instead of a measurement."""

    doctor: bool = False
    """Say what is wrong with this installation; measure nothing."""
