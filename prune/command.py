"""What both commands do alike when the system speaks to them."""

import signal
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
