"""Who is at work on what: locks on files and directories, which the kernel takes back when their holder ends."""

import errno
import fcntl
import os
from pathlib import Path


def take(path: Path) -> int | None:
    """Lock the file or directory at `path`: a descriptor that holds the lock until it is closed.

    None where a living process holds it, and where nothing is there, or no longer. Where the file system knows
    no locks, it is held by everybody. Raises OSError where it may not be opened.
    """
    try:
        held = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            os.close(held)
            return None
    if _is_still(held, path):
        return held
    os.close(held)
    return None


def _is_still(held: int, path: Path) -> bool:
    """Whether what is locked still goes by its name: its holder before may have moved or removed it."""
    try:
        there = path.lstat()
    except OSError:
        return False
    ours = os.fstat(held)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
