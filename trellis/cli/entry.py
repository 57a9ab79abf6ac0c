"""Where the commands begin. This module is light: what takes long to import is imported while Ctrl-C is a clean end."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def ends_at_once(program: str) -> Iterator[None]:
    """Have Ctrl-C end the process with exit code 130 while nothing needs to be cleaned up, such as during imports.

    An exception would be caught by some libraries, and shown as a warning by others.
    """

    def leave(*_: object) -> None:
        os.write(2, f"{program}: interrupted.\n".encode())
        os._exit(130)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # ignored, or somebody else's
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def loading(program: str) -> Iterator[None]:
    """Have imports within be interrupted as `ends_at_once` does, and end with one sentence where they fail."""
    try:
        with ends_at_once(program):
            yield
    except Exception as error:  # nothing of ours is there yet to tell it better
        if os.environ.get("ESPALIER_TRACEBACK") == "1":
            raise
        what = ascii(f"{type(error).__name__}: {error}")[1:-1][:500]
        sys.exit(
            f"{program}: what it consists of does not load ({what}); install it again, with all it needs."
        )


def prune_export() -> None:
    """Entry point of `prune-export`."""
    _begin("prune-export", "trellis.cli.prune_export.command")


def bench() -> None:
    """Entry point of `bench`."""
    _begin("bench", "trellis.cli.bench.command")


def answer() -> None:
    """Entry point of `answer`."""
    _begin("answer", "trellis.cli.answer.command")


def _begin(program: str, module: str) -> None:
    with loading(program):
        main = import_module(module).main
    sys.exit(main())
