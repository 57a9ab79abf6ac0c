"""What the tokenizers library does with a file that it cannot use: it raises, and it panics."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten

from trellis.errors import InputError

FAILS_ON_TEXT = (
    "The tokenizer fails on a question or its context ({reason}); give the model its own tokenizer."
)


@contextmanager
def library_faults(sentence: str, *, quiet: bool = False) -> Iterator[None]:
    """Raise InputError with `sentence`, its {reason} filled in, for whatever the library raises inside.

    A panic is no Exception to Python, and the library writes where it happened to standard error: `quiet` keeps
    that away from the user, and gives back whatever else came there.
    """
    with _held_stderr() if quiet else _nothing_held() as held:
        try:
            yield
        except InputError:
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and not _is_panic(error):
                raise
            held.drop = _is_panic(error)
            reason = shorten(str(error), 200, placeholder=" ...") or type(error).__name__
            raise InputError(sentence.format(reason=reason)) from error


def braced(name: object) -> str:
    """The name in a sentence that is yet to be filled in."""
    return str(name).replace("{", "{{").replace("}", "}}")


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"  # of a module that cannot be imported


class _Held:
    drop = False


@contextmanager
def _nothing_held() -> Iterator[_Held]:
    yield _Held()


@contextmanager
def _held_stderr() -> Iterator[_Held]:
    held = _Held()
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # there is none
        yield held
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield held
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            if not held.drop and (text := file.read()):
                os.write(2, text)
