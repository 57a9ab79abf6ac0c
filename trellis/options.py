"""What a field of a group of options says of itself beside its type and its docstring; see trellis.cli.options."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from trellis.errors import Parameter
from trellis.share import parse_share


@dataclass(frozen=True)
class Value:
    """What help calls a value and, where that is not what its type says, how the text that was typed is read."""

    name: str
    parse: Callable[[Parameter, str], Any] | None = None
    """From (what the option is called, the text); raises InputError."""


@dataclass(frozen=True)
class Unset:
    """What holds where nothing is given, in words."""

    words: str


Share = Annotated[float, Value("SHARE", parse_share)]
"""A fraction, which may also be typed as 50%."""
File = Annotated[Path, Value("FILE")]
Folder = Annotated[Path, Value("DIR")]
Epochs = Annotated[float, Value("EPOCHS")]
"""Times over the training data; a fraction of one is allowed."""
