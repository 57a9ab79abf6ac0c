"""What prune-export takes beside the libraries' own groups, and all groups in the order of its help."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from export.options import Output
from prune.methods import DEFAULT, METHODS
from prune.options import Amount, Data, Training
from prune.train.settings import TrainingSettings
from trellis.bounds import MOST_SEED, check_whole
from trellis.cli.options import Group
from trellis.errors import Parameter
from trellis.options import File, Folder, Unset, Value


@dataclass(frozen=True)
class Arguments:
    """Arguments."""

    model: Annotated[str, Value("MODEL")]
    """A model directory, a hub id (owner/name), or the word demo."""
    out: Annotated[Path, Value("OUT.onnx")]
    """The file to write."""


@dataclass(frozen=True)
class Choosing:
    """What decides.

    Raises InputError where a number is out of range.
    """

    method: Annotated[str, Value("|".join(METHODS))] = DEFAULT
    """Let this method decide which units go."""
    seed: int = 0
    """Draw with this whatever is drawn at random."""
    revision: str | None = None
    """Take this revision of a hub id."""
    dry_run: bool = False
    """Say what would be done, and do nothing."""

    def __post_init__(self) -> None:
        check_whole(Parameter("seed"), self.seed, 0, MOST_SEED)


@dataclass(frozen=True)
class Files:
    """What else is written."""

    save_model: Folder | None = None
    """Write the cut model as a model directory, too."""
    work: Annotated[Folder | None, Unset("OUT.onnx.work")] = None
    """Keep finished and half-finished stages here: the same command goes on from them."""
    json_file: File | None = None
    """Write everything that was found."""
    html_file: File | None = None
    """Write a page that shows the run."""


_SETTINGS = (
    "temperature",
    "task_weight",
    "hidden_weight",
    "learning_rate",
    "batch_size",
    "micro_batch_size",
    "held_out",
    "evaluate_every",
    "patience",
    "dropout",
    "mixed_precision",
)
"""The others have values that are usual for the task, or come from elsewhere."""

GROUPS = (
    Group(Arguments, positional=True),
    Group(Choosing),
    Group(Amount),
    tuple(map(Group, METHODS.values())),
    Group(Data),
    Group(Training),
    Group(TrainingSettings, flags={"micro_batch_size": "--micro-batch"}, only=_SETTINGS),
    Group(Output),
    Group(Files, flags={"json_file": "--json", "html_file": "--html"}),
)
