"""What all commands do alike: how they begin, what they print of what went wrong, and how they end."""

import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn, Protocol

from trellis.errors import InputError, UsageError, first_line
from trellis.terminal import Terminal, say

UNREAD = "whoever reads standard output has gone, so that nothing more can be printed."
"""Said where a pipe is closed at its other end."""

TRACEBACK = "ESPALIER_TRACEBACK"
"""Environment variable: set to 1, a fault of ours shows where it happened."""


class Program(Protocol):
    """What is run on arguments; see trellis.cli.command."""

    @property
    def flags(self) -> Mapping[str, str]:
        """What is typed for each parameter that an InputError may name."""

    def __call__(self, arguments: Sequence[str]) -> int:
        """The exit code. Raises UsageError where the arguments are not its own."""


def run(program: str, app: Program, arguments: list[str] | None = None) -> NoReturn:
    """Run `app` on `arguments` or those of this process, and end with the exit code that it returns.

    Whatever happens, at most a sentence is printed for it: 2 where the arguments are not the command's, or
    standard output takes nothing; 1 where it is nobody's fault but ours.
    """
    given = sys.argv[1:] if arguments is None else arguments
    was_closed = _open_streams()
    errors = Terminal(stderr=True)
    if was_closed:
        code = say(errors, program, "standard output is closed; send it to a file, or to /dev/null.", 2)
    else:
        refuse_empty_arguments(program, given)
        code = _flushed(program, errors, _exit_code(program, app, given, errors))
    sys.exit(code)


def end_cleanly_when_told_to() -> None:
    """Have SIGTERM and SIGHUP unwind the stack, which ends workers and removes what is half written.

    What whoever started this wants ignored, as nohup does SIGHUP, stays ignored.
    """

    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, leave)


def refuse_empty_arguments(program: str, arguments: list[str]) -> None:
    """Leave with exit code 2 where an argument is empty: a path would silently be the current directory."""
    for argument in arguments:
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            named = f" ({argument})" if argument else ""
            why = f"an argument{named} is empty, as of a variable that is not set; give it a value, or leave it out."
            raise SystemExit(say(Terminal(stderr=True), program, why, 2))


def wants_traceback() -> bool:
    """Whether whoever started this wants to see where a fault of ours happened."""
    return os.environ.get(TRACEBACK) == "1"


def _open_streams() -> bool:
    """Have all three standard streams, none of which fails for a character; returns whether output was closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # else the next file to be opened would be taken for the stream
            os.open(os.devnull, os.O_RDWR)
    was_closed = sys.stdout is None
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return was_closed


def _exit_code(program: str, app: Program, arguments: list[str], errors: Terminal) -> int:
    try:
        return app(arguments)
    except UsageError as error:
        return say(errors, program, f"{str(error).removesuffix('.')}; see {program} --help.", 2)
    except InputError as error:
        return say(errors, program, error.told(app.flags), 2)
    except SystemExit as error:
        if isinstance(error.code, str):
            errors.print(error.code, markup=False, highlight=False, soft_wrap=True)
        return error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        return say(errors, program, "interrupted.", 130)
    except BrokenPipeError:
        return say(errors, program, UNREAD, 2)
    except OSError as error:
        return say(errors, program, f"the system refused what was needed: {error}.", 2)
    except MemoryError:
        return say(errors, program, "not enough memory; close other programs, or ask for less.", 2)
    except BaseException as error:  # some libraries' panics are no Exceptions
        if wants_traceback():
            traceback.print_exc()
        what = f"{type(error).__name__}: {first_line(error)}"
        return say(
            errors,
            program,
            f"this is a fault of ours, not of what was asked ({what}); please report it to the project's issue "
            f"tracker, with the command and what it prints with {TRACEBACK}=1.",
            1,
        )


def _flushed(program: str, errors: Terminal, code: int) -> int:
    """The exit code, once all that was printed has gone out."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:  # ValueError: it was closed
        if isinstance(error, OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes again when it ends
        sentence = (
            UNREAD if isinstance(error, BrokenPipeError) else f"standard output takes nothing more ({error})."
        )
        return code or say(errors, program, sentence, 2)
    return code
