"""A page's way to the disk."""

from pathlib import Path

from prune.errors import InputError
from prune.staging import check_writable, replace_file


def check_place(path: Path, *others: Path | None) -> None:
    """Raise InputError where no page can be put at `path`, or one of the `others` is to go there."""
    if path.is_dir():
        raise InputError(f"--html {path} is a directory; name a file.")
    if any(other is not None and other.absolute() == path.absolute() for other in others):
        raise InputError(f"--html {path} names a file that something else is to be written to; name another.")
    check_writable(path)


def write_page(path: Path, html: str) -> None:
    """Write `html` to `path`, whole or not at all. Raises InputError where that cannot be done."""
    try:
        with replace_file(path) as staging:
            # a file's name may hold bytes that are no UTF-8, which Python keeps as lone surrogates
            staging.write_bytes(html.encode("utf-8", errors="replace"))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
