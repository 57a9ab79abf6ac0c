"""Commands run in this process, as their entry points run them."""

import io
import os
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from trellis.command import run


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """All that was printed; nothing says in which order."""
        return self.stdout + self.stderr


def invoke(command: Callable[..., int], arguments: Sequence[object], *, columns: int = 200) -> Ended:
    """Run `command`, which knows its name, on a terminal of so many columns."""
    name: str = command.name  # type: ignore[attr-defined]
    printed, said = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = None
    with (
        redirect_stdout(printed),
        redirect_stderr(said),
        patch.dict(os.environ, {"COLUMNS": str(columns)}),
    ):
        try:
            run(name, command, [str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code
    assert isinstance(code, int)
    return Ended(code, *(stream.buffer.getvalue().decode() for stream in (printed, said)))  # type: ignore[attr-defined]
