"""What all commands do alike: when the system speaks to them, and with what a shell hands them."""

import signal
import sys
from types import FrameType
from typing import NoReturn


def end_cleanly_when_told_to() -> None:
    """Have SIGTERM and SIGHUP unwind the stack, which ends workers and removes what is half written.

    What whoever started this wants ignored, as nohup does SIGHUP, stays ignored.
    """

    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, leave)


def refuse_empty_arguments(program: str) -> None:
    """Leave with exit code 2 where an argument is empty: a path would silently be the current directory."""
    for argument in sys.argv[1:]:
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            print(
                f"{program}: an argument{' (' + argument + ')' if argument else ''} is empty, as of a variable that "
                "is not set; give it a value, or leave it out.",
                file=sys.stderr,
            )
            raise SystemExit(2)
